// Light or dark: as the system has it until the button is pressed, then as the button says.

const THEME_KEY = "chansearch-theme";
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

/** A browser may refuse a page that is a file any memory. */
function remembered() {
  try {
    return localStorage.getItem(THEME_KEY);
  } catch {
    return null;
  }
}

function remember(theme) {
  try {
    localStorage.setItem(THEME_KEY, theme);
  } catch {
    // The next visit begins with the system's theme.
  }
}

const isDark = () => (document.documentElement.dataset.theme ?? (systemIsDark.matches ? "dark" : "light")) === "dark";

/** The button names what it leads to; the charts take the new colours. */
function showTheme() {
  element("theme").textContent = isDark() ? "Light" : "Dark";
  redrawCharts();
}

function startTheme() {
  const kept = remembered();
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
  const button = element("theme");
  button.hidden = false;
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    remember(theme);
    showTheme();
  });
  systemIsDark.addEventListener("change", showTheme);
  showTheme();
}

/** The value of one of the style sheet's colours under the theme of the moment. */
function colour(name) {
  const probe = make("span", "", { style: `color: var(--${name})` });
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
