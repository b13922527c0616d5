// The search field and the choices above the charts.

const CHOICES = {
  "filter-tenth": ["tenth", [...DATA.tenths.map(({ tenth, name }) => [tenth, name]), ["none", "in none"]]],
  "filter-state": ["state", distinct("state")],
  "filter-origin": ["origin", distinct("origin")],
};

function distinct(key) {
  return [...new Set(candidates.map((candidate) => candidate[key]))].sort().map((value) => [value, value]);
}

function clearAll() {
  element("search").value = "";
  for (const id of Object.keys(CHOICES)) element(id).value = "";
  store.words = [];
  store.choices = { tenth: "", state: "", origin: "" };
  store.brushed = null;
  store.ranges = {};
  tell("shown");
}

/** What was drawn in a chart, each with a button that lets go of it: for the keyboard as well. */
function showLimits() {
  const limits = Object.entries(store.ranges).map(([key, [low, high]]) => {
    const { name } = DIMENSIONS.find((axis) => axis.key === key);
    return limit(`${name} from ${format(digitsOf(key), low)} to ${format(digitsOf(key), high)}`, () => delete store.ranges[key]);
  });
  if (store.brushed) limits.unshift(limit(`${store.brushed.size} points in the box`, () => (store.brushed = null)));
  element("limits").replaceChildren(...limits);
}

function limit(words, letGo) {
  const button = make("button", `${words} ×`, { type: "button", "aria-label": `No longer only ${words}` });
  button.addEventListener("click", () => {
    letGo();
    tell("shown");
    element("search").focus();
  });
  const item = make("li");
  item.append(button);
  return item;
}

function startFilters() {
  element("search").addEventListener("input", (event) => search(event.target.value));
  element("search-help").textContent =
    `All words of a search must fit. Numbers are asked for as in ${DATA.costs[0]}<30: ${Object.keys(DATA.digits).filter(isNumeric).join(", ")}.`;
  for (const [id, [key, options]] of Object.entries(CHOICES)) {
    offer(element(id), [["", "any"], ...options]);
    element(id).addEventListener("change", (event) => {
      store.choices[key] = event.target.value;
      tell("shown");
    });
  }
  element("clear").addEventListener("click", clearAll);
  on("shown", showLimits);
}

const isNumeric = (key) => candidates.some((candidate) => typeof candidate[key] === "number");
