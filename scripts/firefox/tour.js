// The tour of the tab in Firefox, over WebDriver BiDi: node tour.js FIREFOX TENSORBOARD [PICTURES]
// Each step says what it looks for; the first one that does not come about, or a complaint of the page, fails the tour.

import { launch } from "puppeteer-core";

const [firefox, board, pictures] = process.argv.slice(2);
const PATIENCE = { timeout: 30_000 };
/** No error: a size that changes while sizes are reported is reported in the next frame. */
const NEXT_FRAME = "ResizeObserver loop completed with undelivered notifications";
const EXPRESSION = "label == 8 and not correct";

/** In every frame, before its own code: violations of the content security policy and unhandled errors are said on the console. */
function listen() {
  if (!location.search.includes("name=activis")) return;
  localStorage.setItem("activis.visited", "1");
  const say = (what) => console.error(`activis: ${what}`);
  addEventListener("securitypolicyviolation", (e) => say(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
  addEventListener("error", (e) => say(`error: ${e.message} ${e.filename}:${e.lineno}`));
  addEventListener("unhandledrejection", (e) => say(`rejection: ${e.reason}`));
}

/** How many colours the canvas has, which is one or none where nothing is drawn. */
function colours(canvas) {
  const { width, height } = canvas;
  if (width === 0 || height === 0) return 0;
  const pixels = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, width, height).data.buffer);
  return new Set(pixels).size;
}

class Tour {
  constructor(page, scheme) {
    this.page = page;
    this.scheme = scheme;
    this.complaints = [];
    page.on("console", (message) => {
      const text = message.text();
      if (message.type() === "error" && text.includes("activis") && !text.includes(NEXT_FRAME))
        this.complaints.push(text);
    });
    page.on("pageerror", (error) => {
      if (`${error.stack}`.includes("activis")) this.complaints.push(`${error.stack}`);
    });
    page.on("response", (response) => {
      if (response.url().includes("/plugin/activis/") && response.status() >= 400)
        this.complaints.push(`${response.status()} ${response.url()}`);
    });
  }

  async open(state) {
    await this.page.goto("about:blank");
    await this.page.goto(`${board}/#activis${state}`, { timeout: 120_000 });
    this.tab = await this.page.waitForFrame((frame) => frame.url().includes("name=activis"), { timeout: 120_000 });
    await this.tab.waitForSelector(".matrix-row", PATIENCE);
  }

  /** Does something, then waits until it is true in the tab. */
  async step(words, act, holds, ...given) {
    try {
      await act?.();
      await this.tab.waitForFunction(holds, { ...PATIENCE, polling: 100 }, ...given);
    } catch (error) {
      const place = pictures ? ` See ${await this.picture("failed")}.` : "";
      throw new Error(`${this.scheme}: not so: ${words}.${place} ${error.message} ${this.complaints.join("; ")}`);
    }
    if (this.complaints.length > 0) throw new Error(`${this.scheme}: ${words}: ${this.complaints.join("; ")}`);
    if (pictures) await this.picture(words);
    console.log(`${this.scheme}: ${words}`);
  }

  async picture(words) {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const path = `${pictures}/${this.scheme}-${words.replace(/\W+/g, "-")}.png`;
    await this.page.screenshot({ path });
    return path;
  }

  /** The middle of the element in the page, once it is there. Firefox does not say where the frame of an element is. */
  async place(selector) {
    const element = await this.tab.waitForSelector(selector, { ...PATIENCE, visible: true });
    const [x, y] = await element.evaluate((element) => {
      element.scrollIntoView({ block: "nearest" });
      const box = element.getBoundingClientRect();
      const frame = frameElement.getBoundingClientRect();
      return [frame.x + box.x + box.width / 2, frame.y + box.y + box.height / 2];
    });
    return { x, y };
  }

  async click(selector) {
    const { x, y } = await this.place(selector);
    await this.page.mouse.move(x, y);
    await this.page.mouse.click(x, y);
  }

  async drawn(selector, atLeast) {
    for (const end = Date.now() + PATIENCE.timeout; ; ) {
      const canvases = await this.tab.$$(selector);
      const counts = await Promise.all(canvases.map((canvas) => canvas.evaluate(colours)));
      if (counts.length > 0 && Math.max(...counts) >= atLeast) return;
      if (Date.now() > end) throw new Error(`${selector} has ${counts} colours, expected at least ${atLeast}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function tour(page, scheme) {
  const one = new Tour(page, scheme);
  await page.evaluateOnNewDocument(listen);
  await one.open("&p.activis.run=digits-cnn");
  const always = () => true;
  const dark = scheme === "dark";
  await one.step(
    `the tab is ${scheme}`,
    undefined,
    (dark) => {
      const [red] = getComputedStyle(document.body).backgroundColor.match(/\d+/g);
      return dark ? red < 90 : red > 200;
    },
    dark,
  );
  await one.step("the matrix is drawn", () => one.drawn(".matrix-canvas:not(.matrix-marks)", 20), always);
  await one.step("the projection is drawn", () => one.drawn(".projection-plot canvas", 10), always);
  await one.step("the blocks of the classes are drawn", () => one.drawn(".classes canvas", 10), always);
  await one.step("the graph is a tree of layers, with strips", undefined, () => {
    const tree = document.querySelector("[role=tree][aria-label='Layers of the model']");
    return tree?.querySelectorAll("[role=treeitem]").length > 10 && tree.querySelectorAll("image").length > 3;
  });
  await one.step(
    "a click on a neuron opens it in the drawer",
    () => one.click(".matrix-body"),
    () => /^Neuron/.test(document.querySelector("[aria-label=Detail] h2")?.textContent ?? ""),
  );
  await one.step(
    "a layer of the graph opens as a panel",
    () => one.click("[data-key='block2'] text"),
    () => document.querySelector("[aria-label='Layer block2'] .matrix-row") !== null,
  );
  await one.step(
    "a typed expression filters",
    async () => {
      await one.click("[role=combobox][aria-label='Subset expression']");
      await page.keyboard.type(EXPRESSION);
    },
    () =>
      /^\d+ of 899$/m.test(document.querySelector("[role=toolbar]").innerText) &&
      [...document.querySelectorAll(".matrix-row")].some((row) => row.textContent.startsWith("typed")) &&
      [...document.querySelectorAll(".list-title")].some((title) => title.textContent.startsWith("Typed")),
  );
  await one.step(
    "the expression becomes a row",
    () => page.keyboard.press("Enter"),
    (text) =>
      document.querySelector("[aria-label='Subset expression']").value === "" &&
      [...document.querySelectorAll(".matrix-row")].some((row) => row.dataset.row.includes(text)),
    EXPRESSION,
  );
  await one.step(
    "the step before, by keyboard",
    async () => {
      await (await one.tab.waitForSelector("[aria-label='Training step']")).focus();
      await page.keyboard.press("ArrowLeft");
    },
    () => document.querySelector("[role=toolbar]").innerText.includes("40 of 60"),
  );
  await page.waitForFunction(() => location.hash.includes("step=40"), PATIENCE);
  const state = (await page.evaluate(() => location.hash)).replace("#activis", "");
  await one.step(
    "a link restores the view",
    () => one.open(state),
    (text) =>
      document.querySelector("[role=toolbar]").innerText.includes("40 of 60") &&
      document.querySelector("[aria-label='Layer block2']") !== null &&
      [...document.querySelectorAll(".matrix-row")].some((row) => row.dataset.row.includes(text)) &&
      /^Neuron/.test(document.querySelector("[aria-label=Detail] h2")?.textContent ?? ""),
    EXPRESSION,
  );
}

for (const scheme of ["light", "dark"]) {
  const browser = await launch({
    browser: "firefox",
    executablePath: firefox,
    headless: true,
    defaultViewport: { width: 1440, height: 900 },
    extraPrefsFirefox: { "layout.css.prefers-color-scheme.content-override": scheme === "dark" ? 0 : 1 },
  });
  try {
    await tour(await browser.newPage(), scheme);
    console.log(`${scheme}: the tour is done, in ${await browser.version()}`);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}
