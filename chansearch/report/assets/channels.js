// Channels block by block: the tenths' means with their bands, and over them the candidate pointed at.

const DASHES = { top: "solid", middle: "dash", bottom: "dashdot" };

const channelsOf = ({ channels }) => channels.split("-").map(Number);
const blocksOf = (channels) => channels.map((_, place) => place + 1);

const channelAxes = () => ({
  xaxis: titled("block index", { dtick: candidates.length && channelsOf(candidates[0]).length > 16 ? 2 : 1 }),
  yaxis: titled("output channels", { rangemode: "tozero" }),
});

function tenthTraces({ tenth, name, colour: line, mean, std }) {
  const x = blocksOf(mean);
  const trace = { x, y: mean, name, mode: "lines", line: { color: line, width: 1.5, dash: DASHES[tenth] }, hoverinfo: "skip" };
  return [band(x, mean, std, line), trace];
}

function channelsTrace(candidate, line, name) {
  const y = channelsOf(candidate);
  return {
    x: blocksOf(y),
    y,
    name,
    mode: "lines+markers",
    line: { color: line, width: 2.5 },
    marker: { size: 7 },
    hovertemplate: "block %{x}: %{y}<extra></extra>",
  };
}

function focusedChannels() {
  const candidate = byNumber.get(store.focused);
  const traces = DATA.tenths.flatMap(tenthTraces);
  if (candidate) traces.push(channelsTrace(candidate, colour("ink"), `#${candidate.number}`));
  return { traces, layout: channelAxes() };
}

function startChannels() {
  const target = element("channels");
  addChart(target, focusedChannels);
  on("focused", () => {
    const { number, rank, tenth, top1, command } = byNumber.get(store.focused);
    const place = rank === null ? "not ranked" : `rank ${rank}${tenth ? `, ${tenth} tenth` : ""}`;
    element("focused").textContent = `#${number}, ${place}, ${format(DATA.ranking.key, top1)} %`;
    element("command").textContent = command;
  });
  on("focused", settled(20, () => updateChart(target)));
  element("copy").addEventListener("click", () => copyCommand(store.focused));
}
