// What a page says to people, as data that report_browser.py compares with the snapshot of the run.

// Runs in the page, so it uses nothing from outside. Texts are as they are shown, on one line.
export const readPage = () => {
  const onOneLine = (text) => text.replace(/\s+/g, " ").trim();
  const shown = (element) => (element ? onOneLine(element.innerText) : null);
  const all = (selector, read = shown, within = document) => [...within.querySelectorAll(selector)].map((element) => read(element));
  const cells = (row) => [...row.cells].map(shown);
  const cellsByColumn = (row) => Object.fromEntries([...row.cells].map((cell) => [cell.className || "account", shown(cell)]));
  const rowsOf = (selector) => all(`${selector} tbody tr`, cells);
  const target = (element) => element.querySelector("a")?.getAttribute("href") ?? null;

  for (const details of document.querySelectorAll("details")) details.open = true;
  const summary = document.querySelector(".summary");
  const changes = document.querySelector("[aria-labelledby=changes-title]");
  const facts = (cause) => Object.fromEntries(all("dt", (name) => [shown(name), shown(name.nextElementSibling)], cause));
  return {
    title: document.title,
    label: shown(document.querySelector(".label")),
    as_of: document.querySelector(".as-of time").dateTime,
    sections: all("nav a", (link) => [link.firstChild.textContent, shown(link.querySelector(".count"))]),
    pills: all(".pills .pill"),
    headline: shown(document.querySelector("h1")),
    lead: all(":scope > .lead", shown, summary).join(" "),
    warnings: all(":scope > .notice.warn", shown, summary),
    tiles: all(".tile", (tile) => [shown(tile.querySelector("dt")), Number(shown(tile.querySelector(".number"))), shown(tile.querySelector(".unit"))]),
    gaps: all(".gap", (gap) => ({ title: shown(gap.querySelector("h3")), text: all("p", shown, gap) })),
    last_digest: changes.querySelector("time")?.dateTime ?? null,
    changes: all("p, h3", shown, changes),
    changed_causes: all(".columns > div", (list) => ({
      title: shown(list.querySelector("h3")),
      causes: all("li", (item) => ({ text: shown(item), target: target(item) }), list),
    }), changes),
    causes: all("details.cause", (cause) => ({
      id: cause.id.replace("cause-", ""),
      title: shown(cause.querySelector(".cause-title")),
      is_new: cause.querySelector(".pill") !== null,
      extent: shown(cause.querySelector(".extent")),
      facts: facts(cause),
      accounts: all(".accounts li", shown, cause),
    })),
    rows: all("#failure-table tbody tr", cellsByColumn),
    notices: all("main > section > .notice"),
    packs: { text: shown(document.querySelector("#packs > p")), rows: rowsOf("#packs") },
    mutes: rowsOf("#mutes"),
    trend: {
      text: shown(document.querySelector("#trend > p")),
      rows: rowsOf("#trend"),
      bars: all(".chart rect", (bar) => ({ kind: bar.className.baseVal, height: Number(bar.getAttribute("height")), title: bar.textContent })),
    },
    footer: all("footer p"),
    snapshot: target(document.querySelector("footer")),
  };
};

// The accounts, packs and regions of the rows that the table shows.
export const readKeys = () => [...document.querySelectorAll("#failure-table tbody tr")].map((row) => [
  row.querySelector("th").firstElementChild.textContent, row.querySelector(".pack").textContent, row.querySelector(".region").textContent,
]);
