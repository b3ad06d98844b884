// Opens the pages of `examples/report_page.rs` in Chromium. Called by report_browser.py, which checks
// the CSV files that it downloads.
//
// node report_browser.mjs MODULES PAGES DOWNLOADS
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { strict as assert } from "node:assert";

const [modules, pages, downloads] = process.argv.slice(2).map((path) => resolve(path));
const require = createRequire(join(modules, "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const ROWS_AT_ONCE = 200;
const MAX_ROWS = 5000;
const STATES = { appeared: "new", ongoing: "open", pending: "pending", muted: "muted", ignored: "ignored" };
const SIZES = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

const names = readdirSync(pages).filter((name) => name.endsWith(".html")).map((name) => name.slice(0, -".html".length));
assert(names.length >= 7, `${pages} has the pages ${names}`);

// The failures of a situation, as its snapshot has them.
const snapshotOf = (name) => JSON.parse(readFileSync(join(pages, `${name}.json`), "utf8"));
const failuresOf = (name) => {
  const snapshot = snapshotOf(name);
  const read = snapshot.packs.flatMap((pack) => [
    ...(pack.failing_since ? [{ ...pack, account_id: "", account_name: "", cause: null }] : []),
    ...pack.failing_accounts.map((failure) => ({ ...failure, pack: pack.pack, region: pack.region, caller: pack.caller })),
  ]);
  // What could not be read is in the ledger, with more than the snapshot has of it.
  const known = new Set(read.map((failure) => failure.failure_id));
  const unread = snapshot.unconfirmed.filter((failure) => !known.has(failure.failure_id));
  return [...read, ...unread.map((failure) => ({ ...failure, isUnread: true }))];
};

// A text as the page shows it: on one line, without invisible characters.
const plain = (text) =>
  text.replace(/[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g, "").replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, " ");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});

const twelveMinutesAfter = (name) => new Date(Date.parse(snapshotOf(name).run.finished_at) + 12 * 60_000);

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
  for (const colorScheme of ["light", "dark"]) {
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
const worksWithoutScript = async (name) => {
  const { page, close } = await open(name, { javaScriptEnabled: false });
  const failures = failuresOf(name);
  assert((await page.locator("h1").textContent()).length > 10, name);
  assert.equal(await rowCount(page), Math.min(failures.length, ROWS_AT_ONCE), name);
  assert(await page.locator("#tools").isHidden(), name);
  assert.equal(await page.locator("#without-script").count(), failures.length > ROWS_AT_ONCE ? 1 : 0, name);
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

// Search, and every choice of every filter.
const narrowsTheRows = async (name) => {
  const failures = failuresOf(name).slice(0, MAX_ROWS);
  const { page, close } = await open(name);
  const shown = async (expected, what) => {
    assert.equal(await rowCount(page), Math.min(expected, ROWS_AT_ONCE), `${name}: ${what}`);
    const status = await page.locator("#shown").textContent();
    assert(status.includes(`${expected} failure`), `${name}: ${what}: ${status}`);
  };
  const account = failures[0].account_id;
  await page.fill("#search", account);
  await shown(failures.filter((failure) => failure.account_id === account).length, `search for ${account}`);
  await page.fill("#search", "no such text anywhere");
  await shown(0, "search for nothing");
  assert(await page.locator("#csv").isDisabled());
  await page.click("#reset");
  const fields = {
    state: (failure) => STATES[failure.change], cause: (failure) => failure.group_id, pack: (failure) => failure.pack,
    region: (failure) => failure.region, caller: (failure) => failure.caller, status: (failure) => failure.status,
    code: (failure) => plain(failure.error_code || "no code"),
  };
  let choices = 0;
  for (const [id, valueOf] of Object.entries(fields)) {
    const select = page.locator(`#filter-${id}`);
    const values = new Set(failures.map(valueOf));
    if (await select.count() === 0) {
      assert(values.size <= 1, `${name}: there is no filter for ${id}`);
      continue;
    }
    const options = await select.locator("option").all();
    for (const option of options.slice(1, 12)) {
      const label = await option.textContent();
      const [, value, count] = /^(.*) \((\d+)\)$/s.exec(label);
      await select.selectOption(await option.getAttribute("value"));
      await shown(Number(count), `${id} ${value}`);
      const matching = failures.filter((failure) => value === valueOf(failure) || value.endsWith(`(${valueOf(failure)})`));
      if (id !== "state") assert.equal(matching.length, Number(count), `${name}: ${id} ${value}`);
      choices += 1;
    }
    await select.selectOption("");
  }
  await shown(failures.length, "everything");
  await close();
  return choices;
};

// The keyboard reaches and uses the sort buttons.
const sortsByKeyboard = async (name) => {
  const { page, close } = await open(name);
  await page.focus("#csv");
  const columns = await page.locator("#failure-table thead th").evaluateAll((cells) => cells.map((cell) => cell.dataset.column));
  const keys = {
    account: (row) => row.account, pack: (row) => row.pack, since: (row) => row.since,
  };
  const tableRows = () => page.locator("#failure-table tbody tr").evaluateAll((rows) => rows.map((row) => ({
    account: row.querySelector("th").firstElementChild.textContent, pack: row.querySelector(".pack").textContent,
    since: Date.parse(row.querySelector(".since time").dateTime),
  })));
  for (const column of columns) {
    for (let presses = 0; presses < 20; presses += 1) {
      await page.keyboard.press("Tab");
      if (await page.evaluate(() => document.activeElement.closest("th")?.dataset.column) === column) break;
    }
    for (const direction of ["ascending", "descending"]) {
      await page.keyboard.press("Enter");
      assert.equal(await page.locator(`th[data-column=${column}]`).getAttribute("aria-sort"), direction, `${name}: ${column}`);
      assert.equal(await page.locator("[aria-sort]").count(), 1, name);
      if (keys[column]) {
        const values = (await tableRows()).map(keys[column]);
        const sign = direction === "ascending" ? 1 : -1;
        const sorted = values.every((value, index) => index === 0 || sign * (value < values[index - 1] ? -1 : value > values[index - 1] ? 1 : 0) >= 0);
        assert(sorted, `${name}: ${column} is not ${direction}`);
      }
    }
  }
  await close();
};

// CSV of everything, and of what is filtered.
const downloadsCsv = async (name) => {
  const { page, close } = await open(name);
  const download = async (file) => {
    const [started] = await Promise.all([page.waitForEvent("download"), page.click("#csv")]);
    assert.match(started.suggestedFilename(), /^packwatch-\d{8}T\d{6}Z\.csv$/);
    await started.saveAs(join(downloads, file));
  };
  await download(`${name}.csv`);
  await page.fill("#search", failuresOf(name)[0].account_id);
  await download(`${name}.filtered.csv`);
  await close();
};

// A cause leads to its rows, and a row to its cause.
const causesAndRowsLeadToEachOther = async (name) => {
  const { page, close } = await open(name);
  const cause = page.locator("details.cause").last();
  const id = (await cause.getAttribute("id")).replace("cause-", "");
  await page.evaluate((id) => { document.getElementById(`cause-${id}`).open = true; }, id);
  await cause.locator("button.show-rows").click();
  const ids = new Set(await texts(page, "#failure-table td.cause"));
  assert.deepEqual([...ids], [id], name);
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
  assert(!/[\u0000-\u0008\u200b\u202a-\u202e]/.test(shown), "control or direction characters are shown");
  await close();
};

// Five thousand rows are not slow.
const largePageIsFast = async () => {
  const name = "many-failures";
  const { page, close } = await open(name, { fixedTime: false });
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
  const fastest = async (action) => {
    const times = [];
    for (let round = 0; round < 5; round += 1) times.push(await page.evaluate(action, round));
    return Math.min(...times);
  };
  const search = await fastest((round) => {
    const input = document.getElementById("search");
    input.value = ["recorder", "template", "pack-00", "21", "named"][round];
    const start = performance.now();
    input.dispatchEvent(new Event("input"));
    document.body.getBoundingClientRect();
    return performance.now() - start;
  });
  const sort = await fastest(() => {
    const start = performance.now();
    document.querySelector("[data-column=since] button").click();
    document.body.getBoundingClientRect();
    return performance.now() - start;
  });
  console.log(`${name}: first paint ${Math.round(paint)} ms, search ${Math.round(search)} ms, sort ${Math.round(sort)} ms`);
  await close();
};

// Days without a commit are shown as such, in the picture and in the table.
const trendShowsDaysWithoutData = async () => {
  const { page, close } = await open("several-causes");
  const without = await page.locator("#trend tbody tr", { hasText: "no data" }).count();
  assert.equal(without, 4);
  assert.equal(await page.locator(".chart rect.none").count(), without);
  assert.equal(await page.locator(".chart rect.open").count(), await page.locator("#trend tbody tr").count() - without);
  await close();
};

for (const name of names) {
  const failures = failuresOf(name).length;
  await worksWithoutScript(name);
  await scriptKeepsTheRows(name);
  await firstScreenTellsTheState(name);
  await looksRight(name);
  await printsWithoutControls(name);
  let choices = 0;
  if (failures > 0) {
    // Of more failures, the page has only some.
    const isComparable = failures <= MAX_ROWS && !failuresOf(name).some((failure) => failure.isUnread);
    if (isComparable) choices = await narrowsTheRows(name);
    await sortsByKeyboard(name);
    await downloadsCsv(name);
    await causesAndRowsLeadToEachOther(name);
  }
  console.log(`${name}: ${failures} failures, ${choices} choices of filters`);
}
await hostileTextsStayText();
await trendShowsDaysWithoutData();
await largePageIsFast();
await browser.close();
