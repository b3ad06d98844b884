// Opens the pages of `examples/report_page.rs` in Chromium. Called by report_browser.py, which compares
// what it reads and downloads with the snapshots.
//
// node report_browser.mjs MODULES PAGES TASK TARGET
//
// TASK is `check` (TARGET is a folder for what was read), `measure` (a file), `screenshots` (a folder)
// or `image` (a file).
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { strict as assert } from "node:assert";

import { readKeys, readPage } from "./browser/reading.mjs";

const [modules, pages, , target] = process.argv.slice(2).map((path) => resolve(path));
const task = process.argv[4];
const require = createRequire(join(modules, "package.json"));
const { chromium } = require("playwright-core");

const ROWS_AT_ONCE = 200;
const SIZES = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };
const SCHEMES = ["light", "dark"];
// Choices of each filter that are tried.
const MAX_CHOICES = 12;
// Characters that are invisible or change the direction of the text around them.
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/;

const names = readdirSync(pages).filter((name) => name.endsWith(".html")).map((name) => name.slice(0, -".html".length)).sort();
assert(names.length >= 7, `${pages} has the pages ${names}`);

const snapshots = new Map(names.map((name) => [name, JSON.parse(readFileSync(join(pages, `${name}.json`), "utf8"))]));
const write = (file, data) => writeFileSync(join(target, file), JSON.stringify(data));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});

const twelveMinutesAfter = (name) => new Date(Date.parse(snapshots.get(name).run.finished_at) + 12 * 60_000);

// Opens a page. Everything that it must not do is collected in `faults`.
const open = async (name, { fixedTime = true, ...options } = {}) => {
  const context = await browser.newContext({ viewport: SIZES.desktop, acceptDownloads: true, ...options });
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => faults.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`error: ${error}`));
  page.on("dialog", (dialog) => { faults.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  const address = `file://${join(pages, `${name}.html`)}`;
  context.on("request", (request) => {
    const url = request.url();
    if (url.split("#")[0] !== address && !url.startsWith("blob:file:")) faults.push(`request: ${url}`);
  });
  if (fixedTime && options.javaScriptEnabled !== false) await page.clock.setFixedTime(twelveMinutesAfter(name));
  await page.goto(address);
  return { page, faults, close: async () => { await context.close(); assert.deepEqual(faults, [], name); } };
};

const rowCount = (page) => page.locator("#failure-table tbody tr").count();
const texts = (page, selector) => page.locator(selector).allTextContents();

// Accessibility, layout and silence: every page, in both color schemes and sizes.
const looksRight = async (name) => {
  const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  for (const colorScheme of SCHEMES) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      const { page, close } = await open(name, { colorScheme, viewport });
      await page.evaluate(() => { for (const details of document.querySelectorAll("details")) details.open = true; });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert(overflow <= 0, `${name}: wider than a ${size} by ${overflow} pixels`);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => axe.run());
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join("\n")}`);
      assert.deepEqual(found, [], `${name}, ${colorScheme}, ${size}`);
      await close();
    }
  }
};

// The first screen has the state in words and the age, on a phone too.
const firstScreenTellsTheState = async (name) => {
  const { page, close } = await open(name, { viewport: SIZES.phone });
  for (const selector of ["h1", ".pills", "#age"]) {
    const box = await page.locator(selector).boundingBox();
    assert(box && box.y + box.height <= SIZES.phone.height, `${name}: ${selector} is not on the first screen`);
  }
  assert.equal(await page.locator("#age").textContent(), ", 12 min ago", name);
  assert(await page.locator("#stale").isHidden(), name);
  await page.clock.setFixedTime(new Date("2026-03-03T06:00:00Z"));
  await page.reload();
  assert(await page.locator("#stale").isVisible(), `${name}: an old page does not say so`);
  await close();
};

// Without script, the summary and the first rows are there.
const worksWithoutScript = async (name, failures) => {
  const { page, close } = await open(name, { javaScriptEnabled: false });
  assert((await page.locator("h1").textContent()).length > 10, name);
  assert.equal(await rowCount(page), Math.min(failures, ROWS_AT_ONCE), name);
  assert(await page.locator("#tools").isHidden(), name);
  assert.equal(await page.locator("#without-script").count(), failures > ROWS_AT_ONCE ? 1 : 0, name);
  await close();
};

// The script shows the same first rows as the page has without it.
const scriptKeepsTheRows = async (name) => {
  const plain = await open(name, { javaScriptEnabled: false });
  const body = "#failure-table tbody";
  if (await plain.page.locator(body).count()) {
    const { page, close } = await open(name);
    assert.equal(await page.locator(body).innerHTML(), await plain.page.locator(body).innerHTML(), name);
    await close();
  }
  await plain.close();
};

// What the page says: the caller knows what it must say.
const saysTheSnapshot = async (name) => {
  const { page, close } = await open(name);
  write(`${name}.page.json`, await page.evaluate(readPage));
  await close();
};

// The CSV that the page makes of what it shows, without the download: of many downloads, Chromium drops some.
const csvOf = (page) => page.evaluate(async () => {
  const { createObjectURL } = URL;
  let made;
  URL.createObjectURL = (blob) => { made = blob; return createObjectURL.call(URL, blob); };
  HTMLAnchorElement.prototype.click = () => {};
  document.getElementById("csv").click();
  delete HTMLAnchorElement.prototype.click;
  URL.createObjectURL = createObjectURL;
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(await made.arrayBuffer());
});

// A list of views of the table: what was searched, filtered and sorted, and what the page showed and
// made of it as CSV then. The caller knows what belongs into each.
const viewsOf = (name, page) => {
  const views = [];
  const view = async (chosen = {}) => {
    const status = await page.locator("#shown").textContent();
    const seen = { search: "", filters: {}, sort: null, ...chosen, status, keys: await page.evaluate(readKeys), file: null };
    if (await page.locator("#csv").isEnabled()) {
      seen.file = `${name}.${views.length}.csv`;
      writeFileSync(join(target, seen.file), await csvOf(page));
    }
    views.push(seen);
  };
  return { views, view };
};

// The button downloads the CSV.
const downloadsCsv = async (name) => {
  const { page, close } = await open(name);
  await page.fill("#search", (await page.evaluate(readKeys))[0][0]);
  const [started] = await Promise.all([page.waitForEvent("download"), page.click("#csv")]);
  assert.match(started.suggestedFilename(), /^packwatch-\d{8}T\d{6}Z\.csv$/);
  assert.equal(readFileSync(await started.path(), "utf8"), await csvOf(page), name);
  await close();
};

// Search, filters, both of them with a sort, and more rows.
const narrowsTheRows = async (name, failures) => {
  const { page, close } = await open(name);
  const { views, view } = viewsOf(name, page);
  await view();
  const [account, pack, region] = (await page.evaluate(readKeys)).at(-1);
  const cause = await page.locator(".cause-title").last().textContent();
  const searches = [account, pack, `${region.toUpperCase()} ${account.slice(3, 9)}`, `  ${cause}  `, "open", "recorder", "no such text anywhere"];
  for (const search of searches) {
    await page.fill("#search", search);
    await view({ search });
  }
  await page.click("#reset");
  const options = {};
  for (const select of await page.locator("#tools select").all()) {
    const filter = (await select.getAttribute("id")).replace("filter-", "");
    const [all, ...choices] = await select.locator("option").evaluateAll((found) => found.map(({ value, textContent }) => [value, textContent]));
    assert.deepEqual(all, ["", "all"]);
    options[filter] = choices.map(([, label]) => label);
    for (const [value, label] of choices.slice(0, MAX_CHOICES)) {
      await select.selectOption(value);
      await view({ filters: { [filter]: label } });
    }
    await select.selectOption("");
  }
  // All of it together: the last choice of each of two filters, a word, and the second order of a column.
  const [first, second] = Object.keys(options);
  if (second) {
    for (const filter of [first, second]) await page.locator(`#filter-${filter}`).selectOption({ label: options[filter].at(-1) });
    await page.fill("#search", region);
    for (let round = 0; round < 2; round += 1) await page.click("th[data-column=since] button");
    const filters = Object.fromEntries([first, second].map((filter) => [filter, options[filter].at(-1)]));
    await view({ search: region, filters, sort: ["since", "descending"] });
    await page.click("#reset");
    await view({ sort: ["since", "descending"] });
  }
  if (failures > ROWS_AT_ONCE) {
    await page.click("#more");
    assert((await rowCount(page)) > ROWS_AT_ONCE, name);
    assert.equal(await page.evaluate(() => document.activeElement.closest("tr")?.rowIndex), ROWS_AT_ONCE + 1, `${name}: the focus is not on the first new row`);
    await view({ sort: second ? ["since", "descending"] : null });
  }
  write(`${name}.views.json`, { options, views });
  await close();
  return views.length;
};

// The keyboard reaches and uses the sort buttons.
const sortsByKeyboard = async (name) => {
  const { page, close } = await open(name);
  const { views, view } = viewsOf(`${name}.sort`, page);
  await page.focus("#csv");
  const columns = await page.locator("#failure-table thead th").evaluateAll((cells) => cells.map((cell) => cell.dataset.column));
  for (const column of columns) {
    for (let presses = 0; presses < 20; presses += 1) {
      await page.keyboard.press("Tab");
      if (await page.evaluate(() => document.activeElement.closest("th")?.dataset.column) === column) break;
    }
    for (const direction of ["ascending", "descending"]) {
      await page.keyboard.press("Enter");
      assert.equal(await page.locator(`th[data-column=${column}]`).getAttribute("aria-sort"), direction, `${name}: ${column}`);
      assert.equal(await page.locator("[aria-sort]").count(), 1, name);
      await view({ sort: [column, direction] });
    }
  }
  write(`${name}.sorts.json`, { columns, views });
  await close();
};

// A cause leads to its rows, and a row to its cause.
const causesAndRowsLeadToEachOther = async (name) => {
  const { page, close } = await open(name);
  // Of a cause that is shown, the page can lack the rows.
  const withRows = new Set(await page.evaluate(() => JSON.parse(document.getElementById("report-data").textContent).rows.map((row) => row[10])));
  const ids = await page.locator("details.cause").evaluateAll((causes) => causes.map((cause) => cause.id.replace("cause-", "")));
  const id = ids.filter((id) => withRows.has(id)).at(-1);
  await page.evaluate((id) => { document.getElementById(`cause-${id}`).open = true; }, id);
  await page.locator(`#cause-${id} button.show-rows`).click();
  assert.deepEqual([...new Set(await texts(page, "#failure-table td.cause"))], [id], name);
  await page.evaluate((id) => { document.getElementById(`cause-${id}`).open = false; }, id);
  await page.locator("#failure-table td.cause a").first().click();
  await page.waitForFunction((id) => document.getElementById(`cause-${id}`).open, id);
  await close();
};

const printsWithoutControls = async (name) => {
  const { page, close } = await open(name);
  await page.emulateMedia({ media: "print" });
  for (const selector of ["nav", "#tools", "#more"]) assert(await page.locator(selector).isHidden(), `${name}: ${selector} is printed`);
  assert(await page.locator("h1").isVisible());
  assert((await page.pdf()).length > 10_000);
  await close();
};

// No page has characters that are invisible or turn the text around, neither in its texts nor in an
// attribute, in the data of the script or in its title.
const hasNoInvisibleCharacters = (name) => {
  const html = readFileSync(join(pages, `${name}.html`), "utf8");
  const found = INVISIBLE.exec(html);
  assert(!found, `${name}: U+${found?.[0].codePointAt(0).toString(16)} after ${html.slice(found?.index - 60, found?.index)}`);
  const escaped = /(&#x?0*|\\u)(202[a-e]|206[0-9a-f]|200[b-f]|823[4-8]|829[4-7])/i.exec(html);
  assert(!escaped, `${name}: ${escaped?.[0]} is escaped, and not left out`);
};

const hostileTextsStayText = async () => {
  const { page, close } = await open("hostile-texts");
  assert.equal(await page.evaluate(() => globalThis.attacked), undefined);
  assert.equal(await page.locator("script").count(), 2);
  assert.equal(await page.locator("img, iframe, object, embed, form, base").count(), 0);
  const links = await page.locator("a").evaluateAll((all) => all.map((link) => link.protocol));
  assert(links.every((protocol) => ["https:", "file:"].includes(protocol)), `${links}`);
  const shown = await page.locator("body").innerText();
  for (const text of ["</script><script>window.attacked = true</script>", '"><img src=x onerror="window.attacked = true">', "&lt;b&gt; &#x3c;"]) {
    assert(shown.includes(text), `${text} is not shown`);
  }
  assert(!INVISIBLE.test(shown), "control or direction characters are shown");
  await close();
};

const checkAll = async () => {
  for (const name of names) {
    const failures = snapshots.get(name).totals.open_total;
    hasNoInvisibleCharacters(name);
    await worksWithoutScript(name, failures);
    await scriptKeepsTheRows(name);
    await saysTheSnapshot(name);
    await firstScreenTellsTheState(name);
    await looksRight(name);
    await printsWithoutControls(name);
    let views = 0;
    if (failures > 0) {
      views = await narrowsTheRows(name, failures);
      await sortsByKeyboard(name);
      await downloadsCsv(name);
      await causesAndRowsLeadToEachOther(name);
    }
    console.log(`${name}: ${failures} failures, ${views} views of the table`);
  }
  await hostileTextsStayText();
};

// Sizes and times of the pages, in milliseconds: the median of several rounds, and the longest.
const measureAll = async () => {
  const ROUNDS = 7;
  const summed = (times) => {
    const sorted = [...times].sort((one, other) => one - other);
    return { median: sorted[Math.floor(sorted.length / 2)], longest: sorted.at(-1) };
  };
  const measured = [];
  for (const name of names) {
    const times = { paint: [], search: [], sort: [] };
    let rows = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const { page, close } = await open(name, { fixedTime: false });
      times.paint.push(await page.evaluate(() => new Promise((done) => {
        new PerformanceObserver((list) => {
          for (const entry of list.getEntriesByName("first-contentful-paint")) done(entry.startTime);
        }).observe({ type: "paint", buffered: true });
      })));
      rows = await page.evaluate(() => JSON.parse(document.getElementById("report-data").textContent).rows.length);
      if (rows > 0) {
        const { search, sort } = await page.evaluate(() => {
          const timed = (action) => {
            const start = performance.now();
            action();
            document.body.getBoundingClientRect();
            return performance.now() - start;
          };
          const input = document.getElementById("search");
          const search = ["recorder", "template", "pack-00", "21", "no such text", ""].map((text) => timed(() => {
            input.value = text;
            input.dispatchEvent(new Event("input"));
          }));
          const buttons = [...document.querySelectorAll("#failure-table thead button")];
          const sort = buttons.flatMap((button) => [timed(() => button.click()), timed(() => button.click())]);
          return { search, sort };
        });
        times.search.push(...search);
        times.sort.push(...sort);
      }
      await close();
    }
    const { paint, search, sort } = times;
    measured.push({
      name, failures: snapshots.get(name).totals.open_total, rows, bytes: statSync(join(pages, `${name}.html`)).size,
      paint: summed(paint), search: rows > 0 ? summed(search) : null, sort: rows > 0 ? summed(sort) : null,
    });
  }
  writeFileSync(target, JSON.stringify(measured));
};

// Each page at the width of a phone and of a screen, light and dark, from its top.
const takeScreenshots = async () => {
  const MAX_HEIGHT = 4000;
  for (const name of names) {
    for (const colorScheme of SCHEMES) {
      for (const viewport of Object.values(SIZES)) {
        const { page, close } = await open(name, { colorScheme, viewport });
        const height = await page.evaluate(() => document.documentElement.scrollHeight);
        const clip = { x: 0, y: 0, width: viewport.width, height: Math.min(height, MAX_HEIGHT) };
        await page.screenshot({ path: join(target, `${name}-${viewport.width}-${colorScheme}.png`), fullPage: true, clip });
        await close();
      }
    }
  }
};

// The picture of the README.
const takeImage = async () => {
  const { page, close } = await open("several-causes", { viewport: { width: 1200, height: 900 }, colorScheme: "light" });
  await page.screenshot({ path: target });
  await close();
};

const tasks = { check: checkAll, measure: measureAll, screenshots: takeScreenshots, image: takeImage };
assert(tasks[task], `${task} is not one of ${Object.keys(tasks)}`);
await tasks[task]();
await browser.close();
