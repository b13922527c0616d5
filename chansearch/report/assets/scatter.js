// Accuracy against what a candidate costs: tenths in colour, their bands behind, whatever is filtered out in faint grey.

const MOST_BARS = 300; // points, beyond which bars hide more than they show
const GROUPS = [{ tenth: null, name: "in no tenth", colour: DATA.rest_colour }, ...DATA.tenths.toReversed()];
let axisKey = DATA.costs[0];

const drawable = () => candidates.filter((candidate) => candidate.top1 !== null && candidate[axisKey] !== null);

function scatter() {
  const points = drawable();
  const kept = points.filter(isShown);
  const traces = [
    faded(points.filter((candidate) => !isShown(candidate))),
    ...GROUPS.map((group) => groupTrace(group, kept.filter(({ tenth }) => tenth === group.tenth))),
    contenderTrace(kept.filter(({ contender }) => contender)),
    ...GROUPS.map(({ name, colour: hex }) => legendEntry(name, hex, "circle")),
    ...originLegend(points),
    frontTrace(points),
  ];
  const layout = {
    xaxis: titled(DATA.headings[axisKey], { range: roomFor(points.map((candidate) => candidate[axisKey])) }),
    yaxis: titled(DATA.ranking.heading, { range: roomFor(points.flatMap(barEnds)) }),
    shapes: DATA.tenths.map(tenthBand),
    ...withoutBoxes(),
    uirevision: axisKey,
  };
  return { traces: traces.filter(({ x }) => x.length), layout };
}

const barEnds = ({ top1, top1_std }) => [top1 - top1_std, top1 + top1_std];

function tenthBand({ low, high, colour: fill }) {
  const [y0, y1] = low === high ? [low - 0.02, high + 0.02] : [low, high];
  return { type: "rect", xref: "paper", x0: 0, x1: 1, y0, y1, fillcolor: fill, opacity: 0.12, line: { width: 0 }, layer: "below" };
}

function faded(points) {
  return {
    ...coordinates(points),
    mode: "markers",
    marker: { color: DATA.rest_colour, size: 4, opacity: 0.25 },
    hoverinfo: "skip",
    showlegend: false,
  };
}

function groupTrace({ tenth, name, colour: fill }, points) {
  const bars = points.length <= MOST_BARS && points.some(({ top1_std }) => top1_std);
  return {
    ...coordinates(points),
    ...hover(points),
    legendgroup: name,
    showlegend: false,
    mode: "markers",
    marker: {
      color: fill,
      size: tenth ? 9 : 6,
      opacity: tenth ? 0.95 : 0.6,
      symbol: points.map(({ origin }) => DATA.origin_symbols[origin]),
    },
    error_y: { visible: bars, array: points.map(({ top1_std }) => top1_std), thickness: 0.8, width: 0 },
  };
}

/** A contender a second time, over all its seeds. */
function contenderTrace(points) {
  return {
    ...hover(points),
    x: points.map((candidate) => candidate[axisKey]),
    y: points.map((candidate) => candidate[DATA.ranking.key]),
    name: "contender, all its seeds",
    mode: "markers",
    marker: { color: colour("ink"), size: 12, symbol: "star" },
    error_y: { array: points.map(({ std }) => std), thickness: 1, width: 3 },
  };
}

/** Rings around the Pareto front where the axis is one of its costs; steps, which show what is beaten, with one alone. */
function frontTrace(points) {
  const { numbers, costs } = DATA.front ?? { numbers: [], costs: [] };
  const members = costs.includes(axisKey) ? points.filter(({ number }) => numbers.includes(number)) : [];
  members.sort((one, other) => numbers.indexOf(one.number) - numbers.indexOf(other.number));
  return {
    ...coordinates(members),
    hoverinfo: "skip",
    name: "on the front",
    mode: costs.length === 1 ? "lines+markers" : "markers",
    line: { shape: "hv", color: colour("ink"), width: 1.2 },
    marker: { symbol: "circle-open", color: colour("ink"), size: 13, line: { width: 1.4 } },
  };
}

/** Which mark means whose draw, where there are draws of more than one kind. */
function originLegend(points) {
  const origins = Object.keys(DATA.origin_symbols).filter((origin) => points.some((point) => point.origin === origin));
  if (origins.length < 2) return [];
  return origins.map((origin) => legendEntry(`${origin} draw`, colour("soft"), DATA.origin_symbols[origin]));
}

/** A trace for the legend alone: a group's own would show the mark of its first point. */
function legendEntry(name, hex, symbol) {
  return { x: [null], y: [null], name, legendgroup: name, mode: "markers", marker: { color: hex, symbol, size: 8 } };
}

function coordinates(points) {
  return {
    x: points.map((candidate) => candidate[axisKey]),
    y: points.map(({ top1 }) => top1),
    customdata: points.map(({ number }) => number),
  };
}

function hover(points) {
  return {
    customdata: points.map(({ number }) => number),
    text: points.map(pointText),
    hovertemplate: "%{text}<extra></extra>",
  };
}

function pointText(candidate) {
  const { number, rank, channels } = candidate;
  const top1 = format(DATA.ranking.key, candidate.top1);
  return plain(`#${number}, rank ${rank ?? MISSING}, ${top1} %`) + `<br>${plain(channels)}`;
}

function startScatter() {
  const target = element("accuracy");
  if (!candidates.some(({ top1 }) => top1 !== null)) {
    say(target, NOTHING);
    return;
  }
  const select = element("axis");
  offer(select, DATA.costs.map((key) => [key, DATA.headings[key]]));
  select.addEventListener("change", () => {
    axisKey = select.value;
    updateChart(target);
  });
  addChart(target, scatter, () => {
    target.on("plotly_hover", ({ points }) => focusOn(points[0].customdata));
    target.on("plotly_click", ({ points }) => toggleCompared(points[0].customdata));
    target.on("plotly_selected", brush);
  });
  on("shown", settled(120, () => updateChart(target)));
  on("focused", settled(30, () => pointOut(target)));
}

/** A press without a drag selects nothing and says so by leaving out the region. */
function brush(event) {
  if (!event?.range && !event?.lassoPoints) return;
  store.brushed = new Set(event.points.map(({ customdata }) => customdata).filter((number) => number !== undefined));
  tell("shown");
}

/** Shows the label of the candidate pointed at, when it is not the mouse that points here. */
function pointOut(target) {
  if (target.matches(":hover") || !charts.get(target).drawn) return;
  for (const [curveNumber, { customdata, hoverinfo }] of target.data.entries()) {
    const pointNumber = hoverinfo === "skip" ? -1 : (customdata ?? []).indexOf(store.focused);
    if (pointNumber >= 0) {
      Plotly.Fx.hover(target, [{ curveNumber, pointNumber }]);
      return;
    }
  }
  Plotly.Fx.unhover(target);
}
