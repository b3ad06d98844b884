// Search, sorting, filters and CSV of the failing accounts, and the age of the page. Without this
// script the page shows its summary and the first rows.
(() => {
  "use strict";

  const PAGE_ROWS = 200;
  const STALE_HOURS = 26;
  const STATES = ["appeared", "ongoing", "pending", "muted", "ignored"];
  const STATE_NAMES = ["new", "open", "pending", "muted", "ignored"];
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const asOf = Date.parse(data.as_of);

  const element = (name, attributes = {}, ...children) => {
    const created = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "class") created.className = value;
      else if (value === true) created.setAttribute(key, "");
      else if (value !== false && value !== null) created.setAttribute(key, value);
    }
    created.append(...children.filter((child) => child !== null));
    return created;
  };

  const duration = (milliseconds) => {
    const minutes = Math.max(0, Math.floor(milliseconds / 60000));
    const parts = [[Math.floor(minutes / 1440), "d"], [Math.floor((minutes % 1440) / 60), "h"], [minutes % 60, "min"]];
    const first = parts.findIndex(([number]) => number > 0);
    if (first < 0) return "less than 1 min";
    return parts.slice(first, first + 2).filter(([number]) => number > 0).map(([number, unit]) => `${number} ${unit}`).join(" ");
  };

  // The age of the page.
  const showAge = () => {
    const age = Date.now() - asOf;
    document.getElementById("age").textContent = age < 0 ? "" : `, ${duration(age)} ago`;
    document.getElementById("stale").hidden = age < STALE_HOURS * 3600000;
  };
  showAge();
  setInterval(showAge, 30000);

  // A link to a cause opens it.
  const openCause = () => {
    const target = location.hash.startsWith("#cause-") && document.getElementById(location.hash.slice(1));
    if (target) target.open = true;
  };
  addEventListener("hashchange", openCause);
  openCause();

  const table = document.getElementById("failure-table");
  if (!table) return;

  const rows = data.rows.map((row, index) => {
    const text = (column) => (row[column] < 0 ? "" : data.texts[row[column]]);
    return {
      index,
      account: text(0), name: text(1), accountState: text(2), caller: text(3), region: text(4), pack: text(5),
      status: text(6), code: text(7), message: text(8), conformancePack: text(9),
      cause: row[10], since: row[11], updated: row[12] ?? "", changedAt: row[13] ?? "", mutedUntil: row[14] ?? "",
      change: row[15], stuck: (row[16] & 1) > 0, unconfirmed: (row[16] & 2) > 0,
      sinceTime: Date.parse(row[11]), searched: null,
    };
  });

  const causeName = (cause) => (data.causes[cause] ? `${data.causes[cause]} (${cause})` : cause);
  const marks = (row) => [row.stuck ? "stuck" : null, row.unconfirmed ? "no data" : null].filter(Boolean);

  // The tools above the table. A filter with one choice is left out.
  const filters = [
    ["state", "State", (row) => [STATE_NAMES[row.change], ...marks(row)]],
    ["cause", "Cause", (row) => [row.cause], causeName],
    ["pack", "Pack", (row) => [row.pack]],
    ["region", "Region", (row) => [row.region]],
    ["caller", "Deployed from", (row) => [row.caller]],
    ["status", "Status", (row) => [row.status]],
    ["code", "Error", (row) => [row.code], (code) => code || "no code"],
  ].map(([id, label, valuesOf, nameOf = (value) => value]) => {
    const counts = new Map();
    for (const row of rows) for (const value of valuesOf(row)) counts.set(value, (counts.get(value) ?? 0) + 1);
    const select = element("select", { id: `filter-${id}` }, element("option", { value: "" }, "all"));
    // A value can be an empty text, so options are found by their number.
    const values = [...counts.keys()].sort();
    values.forEach((value, number) => {
      select.append(element("option", { value: String(number) }, `${nameOf(value)} (${counts.get(value)})`));
    });
    return { id, label, valuesOf, values, select };
  });
  const shownFilters = filters.filter((filter) => filter.values.length > 1);
  const search = element("input", { id: "search", type: "search", autocomplete: "off", spellcheck: "false" });
  const status = element("p", { id: "shown", role: "status" });
  const more = element("button", { id: "more", type: "button" });
  const reset = element("button", { id: "reset", type: "button" }, "Clear search and filters");
  const csv = element("button", { id: "csv", type: "button" }, "Download CSV of these rows");
  const field = (label, control) => element("div", { class: "field" }, element("label", { for: control.id }, label), control);
  const tools = document.getElementById("tools");
  tools.append(
    element("div", { class: "fields", role: "search", "aria-label": "Search and filters" },
      field("Search", search), ...shownFilters.map((filter) => field(filter.label, filter.select))),
    element("div", { class: "actions" }, status, csv, reset),
  );
  tools.hidden = false;
  document.getElementById("without-script")?.remove();
  table.parentElement.after(more);

  // The columns of the table.
  const headers = [...table.tHead.rows[0].cells];
  const columns = headers.map((header) => [header.dataset.column, header.textContent]);

  // Sorting.
  const keyOf = {
    account: (row) => row.account, pack: (row) => row.pack, region: (row) => row.region, caller: (row) => row.caller,
    status: (row) => row.status, code: (row) => row.code, since: (row) => row.sinceTime, change: (row) => row.change,
    cause: (row) => row.cause,
  };
  let sorted = { column: null, descending: false };
  for (const header of headers) {
    const button = element("button", { type: "button", class: "sort" }, ...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const { column } = header.dataset;
      sorted = { column, descending: sorted.column === column && !sorted.descending };
      for (const other of headers) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", sorted.descending ? "descending" : "ascending");
      update();
    });
  }

  const searchedText = (row) => {
    row.searched ??= [row.account, row.name, row.accountState, row.caller, row.region, row.pack, row.status, row.code,
      row.message, row.conformancePack, row.cause, data.causes[row.cause] ?? "", STATE_NAMES[row.change]]
      .join("\n").toLowerCase();
    return row.searched;
  };

  const selectRows = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = filters.filter((filter) => filter.select.value !== "")
      .map((filter) => [filter.valuesOf, filter.values[Number(filter.select.value)]]);
    const selected = rows.filter((row) => chosen.every(([valuesOf, value]) => valuesOf(row).includes(value))
      && words.every((word) => searchedText(row).includes(word)));
    if (sorted.column) {
      const key = keyOf[sorted.column];
      const direction = sorted.descending ? -1 : 1;
      selected.sort((one, other) => {
        const [a, b] = [key(one), key(other)];
        return (a < b ? -direction : a > b ? direction : one.index - other.index);
      });
    }
    return selected;
  };

  // One row, as the page has it without script.
  const code = (text) => element("code", {}, text);
  const sub = (...children) => element("span", { class: "sub" }, ...children);
  const tag = (name, kind = "") => element("span", { class: `tag ${kind}`.trim() }, name);
  const minutesOf = (time) => time.slice(0, 16).replace("T", " ");
  const accountCell = (row) => {
    if (!row.account) return element("th", { scope: "row" }, element("span", { class: "itself" }, "the pack itself"));
    const link = data.link?.replace("000000000000", row.account).replace("REGION", row.region);
    const id = link ? element("a", { href: link, rel: "noreferrer" }, code(row.account)) : code(row.account);
    const state = row.accountState ? tag(row.accountState) : null;
    const label = row.name ? sub(row.name, ...(state ? [" ", state] : [])) : null;
    return element("th", { scope: "row" }, id, label);
  };
  const error = (row) => {
    const shown = row.code ? code(row.code) : "no code";
    if (!row.message) return [shown];
    return [element("details", {}, element("summary", {}, shown), element("p", { class: "aws" }, row.message))];
  };
  const state = (row) => {
    const name = STATE_NAMES[row.change];
    const others = marks(row).flatMap((mark) => [" ", tag(mark, mark === "no data" ? "warn" : "")]);
    const until = row.mutedUntil ? sub(`until ${minutesOf(row.mutedUntil)}`) : null;
    return [tag(name, name), ...others, until];
  };
  const contentOf = {
    pack: (row) => [row.pack],
    region: (row) => [row.region],
    caller: (row) => [code(row.caller)],
    status: (row) => [code(row.status)],
    code: error,
    since: (row) => [element("time", { datetime: row.since }, minutesOf(row.since)), sub(duration(asOf - row.sinceTime))],
    change: state,
    cause: (row) => [element("a", { href: `#cause-${row.cause}` }, code(row.cause))],
  };
  const cellOf = (row, [column, label]) => (column === "account" ? accountCell(row)
    : element("td", { class: column, "data-label": label }, ...contentOf[column](row)));
  const tableRow = (row) => element("tr", {}, ...columns.map((column) => cellOf(row, column)));

  let selected = rows;
  let limit = PAGE_ROWS;
  const show = () => {
    const shown = selected.slice(0, limit);
    table.tBodies[0].replaceChildren(...shown.map(tableRow));
    const count = selected.length === 1 ? "1 failure" : `${selected.length} failures`;
    const of = selected.length === rows.length ? "" : ` of ${rows.length}`;
    status.textContent = shown.length < selected.length ? `${shown.length} of ${count} shown` : `${count}${of} shown`;
    more.hidden = shown.length === selected.length;
    more.textContent = `Show ${Math.min(PAGE_ROWS, selected.length - shown.length)} more`;
    csv.disabled = selected.length === 0;
    reset.hidden = search.value === "" && filters.every((filter) => filter.select.value === "");
  };
  const update = () => {
    selected = selectRows();
    limit = PAGE_ROWS;
    show();
  };
  search.addEventListener("input", update);
  for (const filter of filters) filter.select.addEventListener("change", update);
  more.addEventListener("click", () => {
    const first = limit;
    limit += PAGE_ROWS;
    show();
    // The button can be gone: the focus goes to the first new row.
    const header = table.tBodies[0].rows[first]?.cells[0];
    header?.setAttribute("tabindex", "-1");
    header?.focus();
  });
  reset.addEventListener("click", () => {
    search.value = "";
    for (const filter of filters) filter.select.value = "";
    update();
    search.focus();
  });
  for (const button of document.querySelectorAll("button.show-rows")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const cause = filters.find((filter) => filter.id === "cause");
      const number = cause.values.indexOf(button.dataset.cause);
      search.value = "";
      for (const filter of filters) filter.select.value = "";
      if (number < 0) search.value = button.dataset.cause;
      else cause.select.value = String(number);
      update();
      document.getElementById("failures").scrollIntoView();
      search.focus({ preventScroll: true });
    });
  }

  // CSV. A cell that a spreadsheet could take as a formula gets an apostrophe before it.
  const COLUMNS = [
    ["failure_id", (row) => [row.caller, row.region, row.pack, row.account || "-"].join("/")],
    ["caller", (row) => row.caller], ["region", (row) => row.region], ["pack", (row) => row.pack],
    ["account_id", (row) => row.account], ["account_name", (row) => row.name], ["account_state", (row) => row.accountState],
    ["conformance_pack_name", (row) => row.conformancePack], ["status", (row) => row.status],
    ["stuck", (row) => String(row.stuck)], ["error_code", (row) => row.code], ["error_message", (row) => row.message],
    ["last_update_time", (row) => row.updated], ["failing_since", (row) => row.since],
    ["changed_at", (row) => row.changedAt], ["change", (row) => STATES[row.change]],
    ["muted_until", (row) => row.mutedUntil], ["unconfirmed", (row) => String(row.unconfirmed)],
    ["group_id", (row) => row.cause],
  ];
  const cell = (text) => {
    const safe = /^\s*[=+\-@\t\r\n\u0000-\u001f\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text;
    return `"${safe.replaceAll('"', '""')}"`;
  };
  csv.addEventListener("click", () => {
    const lines = [COLUMNS.map(([name]) => name), ...selected.map((row) => COLUMNS.map(([, value]) => value(row)))];
    const text = `\ufeff${lines.map((line) => line.map(cell).join(",")).join("\r\n")}\r\n`;
    const url = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    const stamp = data.as_of.replace(/[-:]/g, "").replace(/\..*Z$/, "Z");
    element("a", { href: url, download: `packwatch-${stamp}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  });

  show();
})();
