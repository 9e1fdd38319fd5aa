// Opens pages of a site in Chromium, one after the other, and prints what it sees of them as JSON.
// Arguments: the browser, the site's address, a directory for screenshots, words to search for, the pages.
const path = require("path");
const { chromium } = require("playwright-core");

async function main(browserPath, address, pictures, words, ...names) {
  const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox"] });
  const page = await browser.newPage({ viewport: { width: 1360, height: 900 } });
  const seen = { problems: [], pages: {} };
  const problem = (text) => seen.problems.push(text);
  page.on("console", (said) => ["error", "warning"].includes(said.type()) && problem(said.text()));
  page.on("pageerror", (error) => problem(String(error)));
  page.on("requestfailed", (request) => problem(`${request.failure().errorText}: ${request.url()}`));
  page.on("request", (request) => /^(data|blob):/.test(request.url()) || request.url().startsWith(address) || problem(request.url()));
  page.on("response", (response) => response.status() < 400 || problem(`${response.status()}: ${response.url()}`));
  for (const name of names) {
    await page.goto(address + name, { waitUntil: "networkidle" });
    await page.screenshot({ path: path.join(pictures, `${name.replace(/\W/g, "") || "home"}.png`) });
    seen.pages[name] = await page.evaluate(() => {
      const shown = (selector) => [...document.querySelectorAll(selector)].filter((it) => it.checkVisibility());
      return {
        title: document.title,
        heading: shown("h1")[0].firstChild.textContent,
        tabs: shown(".md-tabs__link").map((it) => it.textContent.trim()),
        pictures: shown("article img").map((it) => [it.naturalWidth, it.naturalHeight, it.clientWidth]),
      };
    });
  }
  await page.keyboard.press("/");
  await page.keyboard.type(words);
  await page.locator("a:visible", { hasText: words }).first().click();
  await page.waitForURL((url) => url.hash);
  seen.found = page.url().slice(address.length);
  await browser.close();
  console.log(JSON.stringify(seen));
}

main(...process.argv.slice(2));
