// The page of one run: everything is started, the best candidate is pointed at.

function showCaptions() {
  for (const [id, words] of Object.entries(DATA.captions)) {
    element(id).parentElement.querySelector("figcaption").textContent = words;
  }
}

element("explore").hidden = false;
showCaptions();
startTheme();
startTable();
startChannels();
startScatter();
startCurves();
startCompare();
startParallel();
startImportance();
startFilters();
fillTable();
if (candidates.length) focusOn(candidates[0].number);
