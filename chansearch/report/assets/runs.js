// The page of several runs: accuracy, the best so far and the top tenths' channels, run over run.

let axisKey = DATA.costs[0];

/** The looks by which a run is known in all charts. */
const looks = ({ name, colour: hex, symbol }) => ({
  name: plain(name),
  line: { color: onPage(hex), width: 2 },
  marker: { color: onPage(hex), symbol, size: 7 },
});

function accuracies() {
  const traces = DATA.runs
    .filter(({ costs }) => axisKey in costs)
    .map((run) => ({
      ...looks(run),
      x: run.costs[axisKey],
      y: run.top1,
      mode: "markers",
      opacity: 0.75,
      text: run.numbers.map((number, place) => plain(`#${number} ${run.channels[place]}`)),
      hovertemplate: "%{text}<br>%{y:.2f} %<extra></extra>",
    }));
  return { traces, layout: { xaxis: titled(DATA.headings[axisKey]), yaxis: titled(DATA.heading), showlegend: true } };
}

function bests() {
  const traces = DATA.runs.map((run) => ({
    ...looks(run),
    x: run.numbers.map((number) => number + 1),
    y: run.best,
    mode: "lines",
    line: { ...looks(run).line, shape: "hv" },
    hovertemplate: "after %{x}: %{y:.2f} %<extra></extra>",
  }));
  return { traces, layout: { xaxis: titled("candidates"), yaxis: titled(`best so far, ${DATA.heading}`), showlegend: true } };
}

/** The band goes with its line when the legend hides it. */
function topTraces(run) {
  const { mean, std, name } = run;
  const x = mean.map((_, place) => (DATA.relative_depth ? place / (mean.length - 1) : place + 1));
  const line = { ...looks(run), x, y: mean, mode: "lines+markers", legendgroup: plain(name), hovertemplate: "%{y:.1f}<extra></extra>" };
  return [band(x, mean, std, onPage(run.colour), { legendgroup: plain(name) }), line];
}

function tops() {
  const title = DATA.relative_depth ? "relative depth" : "block index";
  const layout = {
    xaxis: titled(title, DATA.relative_depth ? {} : { dtick: 1 }),
    yaxis: titled("output channels, top tenth", { rangemode: "tozero" }),
    showlegend: true,
  };
  return { traces: DATA.runs.flatMap(topTraces), layout };
}

element("overlay").hidden = false;
startTheme();
offer(element("axis"), DATA.costs.map((key) => [key, DATA.headings[key]]));
element("axis").addEventListener("change", (event) => {
  axisKey = event.target.value;
  updateChart(element("accuracy"));
});
addChart(element("accuracy"), accuracies);
addChart(element("best"), bests);
addChart(element("tops"), tops);
