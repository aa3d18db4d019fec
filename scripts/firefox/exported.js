// An export in Firefox, over WebDriver BiDi: node exported.js FIREFOX ADDRESS…
// At each address (file: and http:) the views are drawn, a typed expression is answered in the page, and nothing complains.

import { launch } from "puppeteer-core";

const [firefox, ...addresses] = process.argv.slice(2);
const PATIENCE = { timeout: 60_000 };
const EXPRESSION = "not correct";

/** How many canvases have more than one colour. */
function drawn() {
  return [...document.querySelectorAll("canvas")].filter(({ width, height }) => width && height).filter((canvas) => {
    const pixels = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data.buffer;
    return pixels && new Set(new Uint32Array(pixels)).size > 1;
  }).length;
}

const browser = await launch({
  browser: "firefox",
  executablePath: firefox,
  headless: true,
  defaultViewport: { width: 1440, height: 900 },
});
try {
  for (const address of addresses) {
    const page = await browser.newPage();
    const complaints = [];
    page.on("pageerror", (error) => complaints.push(`${error.message}`));
    page.on("requestfailed", (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().includes("ResizeObserver")) complaints.push(message.text());
    });
    await page.goto(address, PATIENCE);
    await page.waitForSelector(".matrix-row", PATIENCE);
    await page.waitForSelector(".graph-node", PATIENCE);
    await page.waitForFunction(`(${drawn})() >= 3`, PATIENCE);
    const count = await page.evaluate(async (expression) => {
      const at = { run: activisExport.name, step: activisExport.run.steps.at(-1).step };
      const signal = new AbortController().signal;
      const rows = (await activisSource.table(at, { expression, offset: 0, limit: 1 }, signal)).total;
      return [(await activisSource.where(at, expression, signal)).count, rows];
    }, EXPRESSION);
    if (!(count[0] > 0 && count[0] === count[1])) throw new Error(`${EXPRESSION} is true for ${count}`);
    if (complaints.length > 0) throw new Error(complaints.join("; "));
    console.log(`${address.split(":")[0]}: the export is drawn, and ${EXPRESSION} is true for ${count[0]}`);
    await page.close();
  }
} catch (error) {
  console.error(`the export: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
