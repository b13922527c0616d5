// What the page was written with, and how its values read.

const DATA = JSON.parse(document.getElementById("data").textContent);
const MISSING = "–";

/** The element of that id; every id a script asks for is in the page's own files. */
const element = (id) => document.getElementById(id);

/** An element with text, which is never taken for HTML, and attributes. */
function make(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Text that Plotly, which reads tags and entities in titles, legends and labels, shows as it is. */
function plain(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** A number with the digits of its column, text as it is. */
function format(key, value) {
  if (value === null || value === undefined) return MISSING;
  if (typeof value !== "number") return value;
  return numberFormat(DATA.digits[key]).format(value);
}

const numberFormats = new Map(); // digits → what writes them; making one takes as long as a hundred uses

function numberFormat(digits) {
  if (!numberFormats.has(digits)) {
    const both = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    numberFormats.set(digits, new Intl.NumberFormat("en", both));
  }
  return numberFormats.get(digits);
}

/** Options of a select element: pairs of value and text. */
function offer(select, options) {
  select.replaceChildren(...options.map(([value, text]) => make("option", text, { value })));
}
