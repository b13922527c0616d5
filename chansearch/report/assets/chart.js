// Charts: drawn by Plotly in the page's colours, when they come into view and again when what they show has changed.

const charts = new Map(); // element → what makes its traces and layout, and whether that is drawn
const SETTINGS = {
  responsive: true,
  displaylogo: false,
  // Plotly's button that uploads a chart has no place on a page that asks nothing of anyone.
  showSendToCloud: false,
  plotlyServerURL: "",
  modeBarButtonsToRemove: ["autoScale2d"],
};
// A finger that drags wants to scroll past a chart, not to draw in it, until it presses the button for that.
const dragMode = matchMedia("(pointer: coarse)").matches ? false : "select";

const seen = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const chart = charts.get(target);
      chart.inView = isIntersecting;
      if (isIntersecting && !chart.drawn) drawChart(target);
    }
  },
  { rootMargin: "300px" },
);

/** A chart whose `content()` gives `{traces, layout}`; `ready` is called once, when it is first drawn. */
function addChart(target, content, ready = () => {}) {
  charts.set(target, { content, ready, inView: false, drawn: false, begun: false });
  seen.observe(target);
}

/** What a chart shows has changed. */
function updateChart(target) {
  const chart = charts.get(target);
  chart.drawn = false;
  if (chart.inView) drawChart(target);
}

function redrawCharts() {
  for (const target of charts.keys()) updateChart(target);
}

function drawChart(target) {
  const chart = charts.get(target);
  const { traces, layout } = chart.content();
  Plotly.react(target, traces, themed(layout), SETTINGS);
  chart.drawn = true;
  if (!chart.begun) {
    chart.begun = true;
    chart.ready();
  }
}

/** A layout in the page's colours; axes keep what they say themselves. */
function themed(layout) {
  const [ink, soft, line, card] = ["ink", "soft", "line", "card"].map(colour);
  const axis = { gridcolor: line, linecolor: soft, zeroline: false, automargin: true };
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 12, color: ink },
    margin: { l: 64, r: dragMode ? 16 : 44, t: 16, b: 56 }, // the buttons of a touched chart are always there
    hoverlabel: { bgcolor: card, bordercolor: soft, font: { color: ink }, align: "left" },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: ink, orientation: "v" },
    hovermode: "closest",
    ...layout,
    xaxis: { ...axis, ...layout.xaxis },
    yaxis: { ...axis, ...layout.yaxis },
  };
}

/** No box is left of one that was drawn: what it keeps is told from the rest by colour, and listed above. */
const withoutBoxes = () => ({ dragmode: dragMode, selections: [], selectionrevision: performance.now() });

/** From the least to the largest value with some room, so that a view stays while what it shows is filtered. */
function roomFor(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = 0.05 * (high - low || Math.abs(high) || 1);
  return [low - room, high + room];
}

const titled = (text, more = {}) => ({ title: { text: plain(text), font: { size: 12 }, standoff: 8 }, ...more });

const NOTHING = "No candidate can be ranked yet.";

/** Words where there is nothing to draw. */
function say(target, words) {
  target.classList.add("words");
  target.removeAttribute("role");
  target.textContent = words;
}

/** The area between mean − deviation and mean + deviation, as a trace that is not in the legend. */
function band(x, mean, std, fill, more = {}) {
  const high = mean.map((value, place) => value + std[place]);
  const low = mean.map((value, place) => value - std[place]);
  return {
    x: [...x, ...x.toReversed()],
    y: [...high, ...low.toReversed()],
    fill: "toself",
    fillcolor: faint(fill, 0.15),
    line: { width: 0 },
    mode: "lines",
    hoverinfo: "skip",
    showlegend: false,
    ...more,
  };
}

/** A colour such as #0072B2, mostly transparent. */
function faint(hex, opacity) {
  const [red, green, blue] = [1, 3, 5].map((place) => parseInt(hex.slice(place, place + 2), 16));
  return `rgba(${red},${green},${blue},${opacity})`;
}

/** Black, which a dark page would swallow, is white there. */
const onPage = (hex) => (hex === "#000000" && isDark() ? "#FFFFFF" : hex);
