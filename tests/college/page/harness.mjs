// What the scenes of the page's test share: Chromium, a page with its errors, and what is asked of it.
import assert from 'node:assert/strict';
import { accessSync, constants, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';

export const SKIPPED = 77;  // the exit status that ctest takes for a test that could not be run here
const SIZES = { wide: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

export function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(SKIPPED);
}

// Loads one of the packages of package.json.
export async function fromNpm(name) {
  try {
    return await import(name);
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return skip(`${name} is not installed: scripts/setup.sh web`);
  }
}

// As src/coe/measure/browser/find_chromium.cc looks for it; a snap's cannot be driven.
function findChromium() {
  const names = ['chromium-headless-shell', 'chrome-headless-shell', 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  for (const name of names) {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      const path = join(folder || '.', name);
      try {
        accessSync(path, constants.X_OK);
        if (!/\/snap(\/|$)/.test(realpathSync(path)) && !/snap/.test(readFileSync(path).subarray(0, 2048).toString('latin1'))) return path;
      } catch {
        // Not in this folder.
      }
    }
  }
  return skip('there is no Chromium: scripts/setup.sh web');
}

export async function launch() {
  const { default: puppeteer } = await fromNpm('puppeteer-core');
  const args = ['--font-render-hinting=none', '--force-color-profile=srgb', '--hide-scrollbars', '--disable-gpu', '--disable-background-networking'];
  // Root may not have Chromium's sandbox. The only pages here are ours, and their answers are shown not to run.
  if (process.getuid?.() === 0) args.push('--no-sandbox');
  return puppeteer.launch({ executablePath: findChromium(), headless: 'shell', pipe: true, args });
}

const axeSource = () => readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// A page of its own, with storage of its own. `limit`: seconds that an answer may take.
export class Visit {
  static async open(browser, url, { size = 'wide', scheme = 'light', limit = 30, motion = true, key = '' } = {}) {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    const visit = new Visit(context, page, limit);
    await page.setViewport({ ...SIZES[size], isMobile: size === 'phone', hasTouch: size === 'phone' });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: motion ? 'no-preference' : 'reduce' }]);
    visit.#watch();
    if (key) await page.evaluateOnNewDocument((value) => sessionStorage.setItem('coe.key', value), key);
    await page.goto(url, { waitUntil: 'load' });
    return visit;
  }

  errors = [];       // of the console, and what no handler took
  refused = [];      // statuses of 400 and more, each of which Chromium also writes to the console
  elsewhere = [];    // addresses of other servers

  constructor(context, page, limit) {
    this.context = context;
    this.page = page;
    this.limit = limit * 1000;
  }

  #watch() {
    const { page } = this;
    page.on('console', (message) => {
      if (message.type() !== 'error' && message.type() !== 'warn') return;
      if (!message.text().startsWith('Failed to load resource')) this.errors.push(message.text());
    });
    page.on('pageerror', (error) => this.errors.push(String(error)));
    page.on('response', (response) => {
      if (response.status() >= 400) this.refused.push(`${response.status()} ${new URL(response.url()).pathname}`);
    });
    page.on('request', (request) => {
      const address = request.url();
      if (!address.startsWith('data:') && new URL(address).origin !== new URL(page.url() === 'about:blank' ? address : page.url()).origin) this.elsewhere.push(address);
    });
  }

  // Ends the visit. `refused`: the refusals that were provoked.
  async close({ refused = [] } = {}) {
    assert.deepEqual(this.errors, [], 'errors on the console');
    assert.deepEqual([...new Set(this.refused)], refused, 'refused requests');
    assert.deepEqual(this.elsewhere, [], 'requests to other servers');
    await this.context.close();
  }

  // Waits until a function of the page returns a true value, and returns it.
  async until(what, check, ...given) {
    try {
      const handle = await this.page.waitForFunction(check, { timeout: this.limit, polling: 50 }, ...given);
      return await handle.jsonValue();
    } catch (error) {
      throw new Error(`${what}: not within ${this.limit / 1000} s (${error.message}); the page shows: ${await this.words('body')}`);
    }
  }
  words(selector) {
    return this.page.$eval(selector, (element) => element.innerText.replace(/\s+/g, ' ').trim());
  }
  ready() {
    return this.until('the list of models', () => document.querySelectorAll('.model').length > 0 && !document.querySelector('#send').disabled);
  }
  async choose(first, second = '') {
    const open = await this.page.$eval('#menu', (menu) => menu.checkVisibility());
    if (open) await this.page.click('#menu');
    await this.page.click(`.model input[value="${first}"]`);
    await this.page.select('#second', second);
    if (open) await this.page.click('#menu');
  }
  async send(question) {
    const before = await this.page.$$eval('.answer', (answers) => answers.length);
    await this.page.focus('#question');
    await this.page.keyboard.type(question);
    await this.page.keyboard.press('Enter');
    await this.until('the answer begins', (n) => document.querySelectorAll('.answer').length > n, before);
  }
  done() {
    return this.until('the answers are done', () => [...document.querySelectorAll('.answer')].every((answer) => answer.getAttribute('aria-busy') === 'false'));
  }
  // The answers to the last question: {who, text, why, note, problem, speed, state}.
  answers() {
    return this.page.$$eval('.turn:last-child .answer', (answers) => answers.map((answer) => {
      const words = (selector) => [...answer.querySelectorAll(selector)].filter((element) => element.checkVisibility()).map((element) => element.innerText.trim()).join(' ');
      return { who: words('h3'), text: words('.text'), why: words('.why summary').replace(/^Why:\s*/, '').replaceAll('\u00a0', ' '), note: words('.note'), problem: words('.problem'),
        speed: words('.speed').replaceAll('\u00a0', ' '), state: words('.state') };
    }));
  }

  // Nothing that axe finds, in every rule that it has, and nothing wider than the window. Contrasts are looked at in a
  // window so high that nothing lies below anything else, where axe can tell them all.
  // axe cannot tell the contrast of text over an image, or of rows that are scrolled out of sight; where there are such,
  // `unsure` is false.
  async accessible(where, { unsure = true } = {}) {
    const isThere = await this.page.evaluate(() => 'axe' in window);
    if (!isThere) await this.page.evaluate(axeSource());
    const run = (options) => this.page.evaluate(async (given) => {
      const { violations, incomplete } = await window.axe.run(document, { resultTypes: ['violations', 'incomplete'], ...given });
      const nodes = (rule) => rule.nodes.map((node) => `${rule.id}: ${node.target.join(' ')}: ${node.any.concat(node.all, node.none).map((check) => check.message).join('; ')}`);
      return { violations: violations.flatMap(nodes), unsure: incomplete.flatMap(nodes) };
    }, options);
    assert.deepEqual((await run({ rules: { 'color-contrast': { enabled: false } } })).violations, [], `axe, ${where}`);
    await this.fits(where);
    const size = this.page.viewport();
    const heights = await this.page.evaluate(() => [document.documentElement, ...document.querySelectorAll('#panel')].map((one) => one.scrollHeight));
    await this.page.setViewport({ ...size, height: Math.max(...heights) + 300 });
    const contrasts = await run({ runOnly: ['color-contrast'] });
    await this.page.setViewport(size);
    assert.deepEqual([...contrasts.violations, ...(unsure ? contrasts.unsure : [])], [], `contrasts, ${where}`);
  }
  async fits(where) {
    const [wide, window] = await this.page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    assert.ok(wide <= window, `${where}: ${wide} px wide in a window of ${window} px`);
  }
}

// Runs scenes, one after the other, and says how each went. Returns how many failed.
export class Stage {
  #failed = [];
  #n = 0;
  #skipped = 0;

  // `afterwards` is done after a scene that failed.
  constructor({ only = '', shots = '', afterwards = async () => {} }) {
    this.afterwards = afterwards;
    this.only = only;
    this.shots = shots;
    if (shots) mkdirSync(shots, { recursive: true });
  }

  async scene(name, play) {
    if (!name.includes(this.only)) return;
    this.#n += 1;
    const start = performance.now();
    try {
      await play();
      console.log(`ok      ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    } catch (error) {
      this.#failed.push(name);
      console.log(`FAILED  ${name}\n${error.message}\n${error.stack?.split('\n').filter((line) => line.startsWith('    at ')).slice(0, 4).join('\n')}`);
      await this.afterwards();
    }
  }
  // What this server cannot be asked for is said and not counted.
  cannot(name, why) {
    this.#skipped += 1;
    console.log(`skipped ${name}: ${why}`);
  }
  async shot(visit, name) {
    if (this.shots) await visit.page.screenshot({ path: join(this.shots, `${name}.png`) });
  }
  end() {
    console.log(`${this.#n - this.#failed.length} of ${this.#n} scenes passed, ${this.#skipped} skipped`);
    if (this.#n === 0) console.log('no scene has that name');
    process.exitCode = this.#failed.length > 0 || this.#n === 0 ? 1 : 0;
  }
}
