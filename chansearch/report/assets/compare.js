// Up to five candidates beside each other: channels and learning curves overlaid, figures in columns.

const compared = () => store.compared.map((number) => byNumber.get(number));

function comparedChannels() {
  const traces = compared().map((one) => channelsTrace(one, comparedColour(one.number), `#${one.number}`));
  return { traces, layout: { ...channelAxes(), showlegend: true } };
}

function comparedCurves() {
  const traces = store.compared
    .filter((number) => curveOf.has(number))
    .map((number) => ({
      x: curveOf.get(number).epochs,
      y: curveOf.get(number).top1,
      name: `#${number}`,
      mode: "lines+markers",
      line: { color: comparedColour(number), width: 2 },
      marker: { size: 4 },
      hovertemplate: "epoch %{x}: %{y:.2f} %<extra></extra>",
    }));
  const nothing = { text: "no epoch of these is recorded", showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5 };
  return { traces, layout: { ...curveAxes(), showlegend: true, annotations: traces.length ? [] : [nothing] } };
}

function chip(number) {
  const button = make("button", `#${number} ×`, { type: "button", "aria-label": `Take #${number} out` });
  button.style.setProperty("--mine", comparedColour(number));
  button.addEventListener("click", () => toggleCompared(number));
  const item = make("li");
  item.append(button);
  return item;
}

function comparedTable() {
  const table = make("table");
  const head = table.createTHead().insertRow();
  head.append(make("th", "", { scope: "col" }), ...store.compared.map((number) => make("th", `#${number}`, { scope: "col" })));
  const body = table.createTBody();
  for (const key of [...DATA.columns, ...DATA.shape].filter((key) => key !== "number")) {
    const row = body.insertRow();
    row.append(make("td", DATA.headings[key]), ...compared().map((one) => make("td", format(key, one[key]))));
  }
  body.insertRow().append(make("td", "knots"), ...compared().map(({ knots }) => make("td", knots.join(" "))));
  return table;
}

function startCompare() {
  const targets = ["compare-channels", "compare-curves"].map(element);
  addChart(targets[0], comparedChannels);
  addChart(targets[1], comparedCurves);
  on("compared", () => {
    element("compare").hidden = !store.compared.length;
    element("compared").replaceChildren(...store.compared.map(chip));
    element("compare-table").replaceChildren(comparedTable());
    targets.forEach(updateChart);
  });
}
