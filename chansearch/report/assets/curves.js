// Accuracy over the epochs: a line a candidate, those of one tenth as one trace with gaps, for a page has thousands.

const curveOf = new Map(DATA.curves.map((curve) => [curve.number, curve]));
const curveAxes = () => ({
  xaxis: titled("epoch", { tickformat: "d" }),
  yaxis: titled(DATA.ranking.heading),
});

/** Candidates that have no row yet, being in training, are in no tenth. */
function curveTrace({ tenth, name, colour: line }, curves) {
  const joined = (values) => curves.flatMap((curve) => [...values(curve), null]);
  const isPoint = curves.every(({ epochs }) => epochs.length < 2);
  return {
    x: joined(({ epochs }) => epochs),
    y: joined(({ top1 }) => top1),
    customdata: joined(({ number, epochs }) => epochs.map(() => number)),
    name: tenth ? name : "other candidates",
    mode: isPoint ? "markers" : "lines",
    line: { color: line, width: tenth ? 1.6 : 0.8 },
    opacity: tenth ? 0.9 : 0.5,
    hovertemplate: "#%{customdata}, epoch %{x}: %{y:.2f} %<extra></extra>",
  };
}

function allCurves() {
  const shown = DATA.curves.filter(({ number }) => !byNumber.has(number) || isShown(byNumber.get(number)));
  const tenthOf = ({ number }) => byNumber.get(number)?.tenth ?? null;
  const traces = GROUPS.map((group) => curveTrace(group, shown.filter((curve) => tenthOf(curve) === group.tenth)));
  return { traces: traces.filter(({ x }) => x.length), layout: curveAxes() };
}

function startCurves() {
  const target = element("curves");
  if (!DATA.curves.length) {
    say(target, "No epoch is recorded yet.");
    return;
  }
  addChart(target, allCurves, () => {
    target.on("plotly_hover", ({ points }) => focusOn(points[0].customdata));
    target.on("plotly_click", ({ points }) => byNumber.has(points[0].customdata) && toggleCompared(points[0].customdata));
  });
  on("shown", settled(200, () => updateChart(target)));
}
