// What is filtered, brushed, compared and pointed at; whoever shows it is told when it changes.

const MOST_COMPARED = 5;
const candidates = DATA.candidates;
const byNumber = new Map(candidates.map((candidate) => [candidate.number, candidate]));

const store = {
  words: [], // of the search field
  choices: { tenth: "", state: "", origin: "" }, // "" is any
  brushed: null, // numbers in the box or lasso of the scatter, null without one
  ranges: {}, // key → [low, high], of the parallel coordinates
  compared: [], // numbers, in the order of choice
  slots: new Map(), // number → place of its colour, which it keeps while others come and go
  focused: null, // the candidate pointed at
};

const listeners = { shown: [], compared: [], focused: [] };
const on = (event, listener) => listeners[event].push(listener);
const tell = (event) => listeners[event].forEach((listener) => listener());

// What a word of the search is looked for in.
for (const candidate of candidates) {
  const { channels, state, origin, tenth } = candidate;
  candidate.words = `${channels} ${state} ${origin} ${tenth ? `${tenth} tenth` : ""}`.toLowerCase();
}

const COMPARISONS = {
  "<": (value, limit) => value < limit,
  "<=": (value, limit) => value <= limit,
  ">": (value, limit) => value > limit,
  ">=": (value, limit) => value >= limit,
};

/** `macs<30` as a question to a candidate, `#12` as that candidate, any other word as a part of its texts. */
function question(word) {
  const [, key, sign, limit] = word.match(/^([a-z_0-9]+)(<=|>=|<|>)(-?[\d.]+)$/) ?? [];
  if (key in DATA.digits) {
    return (candidate) => typeof candidate[key] === "number" && COMPARISONS[sign](candidate[key], Number(limit));
  }
  if (/^#\d+$/.test(word)) return (candidate) => candidate.number === Number(word.slice(1));
  return (candidate) => candidate.words.includes(word);
}

function search(text) {
  store.words = text.toLowerCase().split(/\s+/).filter(Boolean).map(question);
  tell("shown");
}

function passesFilters(candidate) {
  const { tenth, state, origin } = store.choices;
  return (
    (!tenth || (candidate.tenth ?? "none") === tenth) &&
    (!state || candidate.state === state) &&
    (!origin || candidate.origin === origin) &&
    store.words.every((answers) => answers(candidate))
  );
}

const inBrush = (candidate) => !store.brushed || store.brushed.has(candidate.number);

const inRanges = (candidate) =>
  Object.entries(store.ranges).every(
    ([key, [low, high]]) => candidate[key] !== null && low <= candidate[key] && candidate[key] <= high,
  );

const isShown = (candidate) => passesFilters(candidate) && inBrush(candidate) && inRanges(candidate);

/** Adds a candidate to the comparison or takes it out; a sixth is refused in words. */
function toggleCompared(number) {
  if (store.compared.includes(number)) {
    store.compared = store.compared.filter((other) => other !== number);
    store.slots.delete(number);
  } else if (store.compared.length === MOST_COMPARED) {
    announce(`${MOST_COMPARED} candidates are compared already: take one out before #${number} comes in.`);
    return;
  } else {
    const taken = new Set(store.slots.values());
    store.slots.set(number, [0, 1, 2, 3, 4].find((slot) => !taken.has(slot)));
    store.compared = [...store.compared, number];
  }
  tell("compared");
}

const comparedColour = (number) => DATA.compare_colours[store.slots.get(number)];

function focusOn(number) {
  if (store.focused === number || !byNumber.has(number)) return;
  store.focused = number;
  tell("focused");
}

let silence = 0;

/** Says something for a few seconds, to eyes and to screen readers. */
function announce(words) {
  element("message").textContent = words;
  clearTimeout(silence);
  silence = setTimeout(() => (element("message").textContent = ""), 6000);
}

/** Lets a burst of events pass and acts on the last. */
function settled(milliseconds, act) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), milliseconds);
  };
}
