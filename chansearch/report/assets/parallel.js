// Parallel coordinates of b, a, f at the quarters of the depth, a cost and accuracy: a range on an axis filters the rest.
//
// Lines of a plain chart, each axis scaled to 0 … 1. Plotly's own parallel coordinates need WebGL and a policy that lets
// the page run text as a program, and know neither hover nor which line lies on top.

const DIMENSIONS = [...DATA.shape, DATA.costs[0], "top1"].map(dimension);
const NEAR = 0.3; // of the way to the next axis: a range is drawn along an axis, not exactly on it

function dimension(key) {
  const values = candidates.map((candidate) => candidate[key]).filter((value) => value !== null);
  const [low, high] = values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
  const name = key === "top1" ? DATA.ranking.heading : DATA.headings[key];
  // One value alone needs room around it.
  return low < high ? { key, name, low, high } : { key, name, low: low - 1, high: low + 1 };
}

const scaled = ({ key, low, high }, candidate) => (candidate[key] - low) / (high - low);
const valueAt = ({ low, high }, share) => low + share * (high - low);
const digitsOf = (key) => (key === "top1" ? DATA.ranking.key : key);

function parallel() {
  const whole = candidates.filter((candidate) => DIMENSIONS.every(({ key }) => candidate[key] !== null));
  const shown = whole.filter(isShown);
  const groups = GROUPS.map((group) => linesOf(group, shown.filter(({ tenth }) => tenth === group.tenth)));
  const layout = {
    margin: { l: 48, r: 48, t: 76, b: 64 },
    legend: { orientation: "h", x: 0, y: -0.12, yanchor: "top" },
    xaxis: {
      tickvals: DIMENSIONS.map((_, place) => place),
      ticktext: DIMENSIONS.map(({ name }) => inTwoLines(name)),
      side: "top",
      showline: false,
      tickangle: 0,
      ticklabelstandoff: 16,
      fixedrange: true,
      range: [-0.15, DIMENSIONS.length - 0.85],
    },
    yaxis: { visible: false, fixedrange: true, range: [-0.02, 1.02] },
    annotations: DIMENSIONS.flatMap(axisEnds),
    shapes: DIMENSIONS.flatMap(rangeBars),
    ...withoutBoxes(),
  };
  const hidden = whole.filter((candidate) => !isShown(candidate));
  const faded = { ...linesOf(GROUPS[0], hidden), opacity: 0.15, hoverinfo: "skip", hovertemplate: null, showlegend: false };
  return { traces: [faded, ...groups].filter(({ x }) => x.length), layout };
}

/** The lines of many candidates as one, with gaps between them. */
function linesOf({ tenth, name, colour: line }, lines) {
  return {
    x: lines.flatMap(() => [...DIMENSIONS.keys(), null]),
    y: lines.flatMap((candidate) => [...DIMENSIONS.map((axis) => scaled(axis, candidate)), null]),
    customdata: lines.flatMap(({ number }) => [...DIMENSIONS.map(() => number), null]),
    text: lines.flatMap((candidate) => [...DIMENSIONS.map(({ key }) => format(digitsOf(key), candidate[key])), ""]),
    name,
    mode: "lines",
    line: { color: line, width: tenth ? 1.6 : 0.7 },
    opacity: tenth ? 0.9 : 0.5,
    hovertemplate: "#%{customdata}: %{text}<extra></extra>",
  };
}

/** A title in two lines where it is long. */
function inTwoLines(text) {
  const gap = text.indexOf(" ", text.length / 2 - 3);
  return text.length < 12 || gap < 0 ? plain(text) : `${plain(text.slice(0, gap))}<br>${plain(text.slice(gap + 1))}`;
}

/** The least and the largest value, at the ends of an axis. */
function axisEnds({ key, low, high }, x) {
  const end = { x, showarrow: false, font: { size: 11 }, bgcolor: colour("card"), borderpad: 1 };
  return [
    { ...end, y: 1, yanchor: "bottom", text: format(digitsOf(key), high) },
    { ...end, y: 0, yanchor: "top", text: format(digitsOf(key), low) },
  ];
}

function rangeBars({ key, low, high }, place) {
  if (!store.ranges[key]) return [];
  const [y0, y1] = store.ranges[key].map((value) => (value - low) / (high - low));
  const bar = { type: "rect", x0: place - 0.03, x1: place + 0.03, y0, y1, line: { width: 0 }, fillcolor: colour("ink"), opacity: 0.45 };
  return [bar];
}

/** A box along one axis or over several keeps its height on each of them. */
function keepRange(event) {
  if (!event?.range) return;
  const [left, right] = event.range.x.toSorted((a, b) => a - b);
  const shares = event.range.y.toSorted((a, b) => a - b);
  for (const [place, axis] of DIMENSIONS.entries()) {
    if (left - NEAR <= place && place <= right + NEAR) store.ranges[axis.key] = shares.map((share) => valueAt(axis, share));
  }
  tell("shown");
}

function startParallel() {
  const target = element("parallel");
  if (!candidates.some(({ top1 }) => top1 !== null)) {
    say(target, NOTHING);
    return;
  }
  addChart(target, parallel, () => {
    target.on("plotly_hover", ({ points }) => focusOn(points[0].customdata));
    target.on("plotly_click", ({ points }) => toggleCompared(points[0].customdata));
    target.on("plotly_selected", keepRange);
  });
  on("shown", settled(200, () => updateChart(target)));
}
