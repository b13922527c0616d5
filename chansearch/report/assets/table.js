// The table of candidates: sorted by the heading that was pressed, a page of rows at a time.

const ROWS = 50;
const sorting = { key: "rank", down: false };
let rows = []; // all candidates that are shown, in their order
let firstRow = 0;

/** What a column sorts by: the accuracy of a candidate that is not ranked is of fewer epochs, and sorts last. */
function sortValue(candidate, key) {
  return key === DATA.ranking.key && candidate.rank === null ? null : candidate[key];
}

/** What is missing stays last either way. */
function order(left, right) {
  const a = sortValue(left, sorting.key);
  const b = sortValue(right, sorting.key);
  if (a === null || b === null) return (a === null) - (b === null);
  const ascending = typeof a === "number" ? a - b : a.localeCompare(b);
  return sorting.down ? -ascending : ascending;
}

function sortBy(key) {
  sorting.down = sorting.key === key ? !sorting.down : typeof candidates[0]?.[key] === "number" && key !== "rank" && key !== "number";
  sorting.key = key;
  fillTable();
}

function cellText(candidate, key) {
  if (key === "number") return `#${candidate.number}`;
  const text = format(key, candidate[key]);
  return key === DATA.ranking.key && candidate.rank === null && text !== MISSING ? `${text} (not ranked)` : text;
}

const alignment = (key) => (key === "channels" ? { class: "text" } : {});

function tableRow(candidate) {
  const { number, tenth } = candidate;
  const row = make("tr", "", { class: tenth ?? "", "data-number": number, tabindex: -1 });
  for (const key of DATA.columns) row.append(make("td", cellText(candidate, key), alignment(key)));
  const copy = make("button", "copy", { type: "button", class: "copy", tabindex: -1, "aria-label": `Copy the export command of #${number}` });
  row.cells[0].append(copy);
  markCompared(row);
  return row;
}

function markCompared(row) {
  const number = Number(row.dataset.number);
  const isCompared = store.compared.includes(number);
  row.setAttribute("aria-selected", isCompared);
  row.style.setProperty("--mine", isCompared ? comparedColour(number) : "");
}

const tableBody = () => element("table").querySelector("tbody");
const rowOf = (number) => tableBody().querySelector(`tr[data-number="${number}"]`);

/** The candidates shown have changed, or their order: the first page of them. */
function fillTable() {
  rows = candidates.filter(isShown).sort(order);
  element("count").textContent = `${rows.length.toLocaleString("en")} of ${candidates.length.toLocaleString("en")} candidates shown`;
  for (const heading of element("table").querySelectorAll("th")) {
    heading.removeAttribute("aria-sort");
    if (heading.dataset.key === sorting.key) heading.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
  }
  showPage(0);
}

function showPage(first) {
  firstRow = Math.max(0, Math.min(first, rows.length - 1));
  firstRow -= firstRow % ROWS;
  const page = rows.slice(firstRow, firstRow + ROWS);
  tableBody().replaceChildren(...page.map(tableRow));
  element("page").textContent = rows.length ? `${firstRow + 1} to ${firstRow + page.length} of ${rows.length}` : "none";
  element("previous").disabled = firstRow === 0;
  element("next").disabled = firstRow + ROWS >= rows.length;
  element("table").scrollTop = 0;
  setTabStop(rowOf(store.focused) ?? tableBody().rows[0]);
}

/** One row and its button are in the tab order; arrows lead to the others. */
function setTabStop(row) {
  for (const old of tableBody().querySelectorAll('[tabindex="0"]')) old.tabIndex = -1;
  if (!row) return;
  row.tabIndex = 0;
  row.querySelector("button").tabIndex = 0;
}

/** Moves the keyboard to a place in the whole list, turning the page where it lies on another one. */
function goTo(place) {
  const target = Math.max(0, Math.min(place, rows.length - 1));
  if (target < firstRow || target >= firstRow + ROWS) showPage(target);
  const row = tableBody().rows[target - firstRow];
  setTabStop(row);
  row?.focus();
}

const MOVES = {
  ArrowDown: (place) => place + 1,
  ArrowUp: (place) => place - 1,
  PageDown: (place) => place + ROWS,
  PageUp: (place) => place - ROWS,
  Home: () => 0,
  End: () => rows.length - 1,
};

function pressKey(event) {
  const row = event.target.closest("tbody tr");
  if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
  const number = Number(row.dataset.number);
  if (event.key in MOVES) goTo(MOVES[event.key](firstRow + row.sectionRowIndex));
  else if (event.key === "c") copyCommand(number);
  else if ((event.key === "Enter" || event.key === " ") && event.target === row) toggleCompared(number);
  else return;
  event.preventDefault();
}

/** From the search field straight to what it has found. */
function leaveSearch(event) {
  if (event.key !== "ArrowDown") return;
  event.preventDefault();
  goTo(0);
}

function pressRow(event) {
  const row = event.target.closest("tbody tr");
  if (!row) return;
  const number = Number(row.dataset.number);
  if (event.target.closest("button")) copyCommand(number);
  else toggleCompared(number);
}

function pointAt(event) {
  const row = event.target.closest("tbody tr");
  if (row) focusOn(Number(row.dataset.number));
}

function heading(key) {
  const made = make("th", "", { scope: "col", "data-key": key, ...alignment(key) });
  const button = make("button", DATA.headings[key], { type: "button" });
  button.addEventListener("click", () => sortBy(key));
  made.append(button);
  return made;
}

function startTable() {
  const table = make("table", "", { role: "grid", "aria-label": "Candidates", "aria-multiselectable": "true" });
  table.createTHead().insertRow().append(...DATA.columns.map(heading));
  table.createTBody();
  table.addEventListener("keydown", pressKey);
  table.tBodies[0].addEventListener("click", pressRow);
  table.tBodies[0].addEventListener("mouseover", pointAt);
  table.tBodies[0].addEventListener("focusin", pointAt);
  element("table").append(table);
  element("search").addEventListener("keydown", leaveSearch);
  element("previous").addEventListener("click", () => showPage(firstRow - ROWS));
  element("next").addEventListener("click", () => showPage(firstRow + ROWS));
  on("shown", fillTable);
  on("compared", () => [...tableBody().rows].forEach(markCompared));
  on("focused", () => {
    tableBody().querySelector(".focused")?.classList.remove("focused");
    rowOf(store.focused)?.classList.add("focused");
  });
}
