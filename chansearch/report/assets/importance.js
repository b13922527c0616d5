// Optuna's importance of a, b and f's numbers, beside what shuffled accuracies reach.

function importance() {
  const rows = DATA.importance.rows.toReversed();
  const y = rows.map(({ heading: words }) => plain(words));
  const value = { type: "bar", orientation: "h", name: "importance", x: rows.map((row) => row.value), y, marker: { color: "#0072B2" } };
  const chance = {
    name: "by chance, 95 %",
    mode: "markers",
    x: rows.map((row) => row.by_chance),
    y,
    marker: { symbol: "line-ns-open", size: 18, color: colour("ink"), line: { width: 2 } },
  };
  for (const trace of [value, chance]) trace.hovertemplate = "%{x:.4f}<extra></extra>";
  return { traces: [value, chance], layout: { xaxis: titled("divergence of the best tenth from all"), yaxis: {} } };
}

function startImportance() {
  const target = element("importance");
  const caption = target.parentElement.querySelector("figcaption");
  const { least, there, rows } = DATA.importance;
  if (!rows.length) {
    const few = `Importance needs ${least} ranked candidates, so that the best tenth has five; there are ${there}.`;
    say(target, there < least ? few : "All candidates are of one shape: nothing can be more important than another.");
    return;
  }
  caption.textContent =
    "PED-ANOVA, Optuna's own evaluator: how differently the best tenth is spread over each number than all candidates " +
    "are. Only a bar beyond its mark, before which 95 % of the shuffles of the accuracies end, is more than chance.";
  addChart(target, importance);
}
