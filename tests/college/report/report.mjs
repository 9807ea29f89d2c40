// The page of a report in headless Chromium: that of a real run, of several runs, and of the largest models known.
//   node report.mjs COE SOURCE     the binary, and the checkout with its model
// Options: --shots DIR  screenshots and a PDF    --only WORDS  only scenes with these words in their names
// The exit status is 0 when all pass, 1, or 77 where there is no Chromium or package to run it with.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Stage, Visit, launch } from '../page/harness.mjs';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { shots: { type: 'string' }, only: { type: 'string' } } });
const [coe, source] = positionals;
const parent = join(source, 'models/gemma4-tiny-moe-q4_k_m.gguf');
const folder = mkdtempSync(join(tmpdir(), 'coe-report-'));
const file = (name) => join(folder, name);
const run = (...words) => execFileSync(coe, words, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

// Text that was not written for this: pages of the documentation, cut at their headings, and the sources of this page.
function writeText() {
  const record = (domain, text) => JSON.stringify({ domain, text });
  const prose = ['docs/method.md', 'docs/college.md', 'docs/specialize.md'].flatMap((name) => readFileSync(join(source, name), 'utf8').split(/^#+ /m));
  const code = ['dom.js', 'figure.js', 'experts.js', 'charts.js'].flatMap((name) => readFileSync(join(source, 'src/coe/college/report/web', name), 'utf8').split(/\n(?=function|class|const)/));
  const lines = [['prose', prose], ['code', code]].flatMap(([domain, texts]) => texts.filter((text) => text.length > 200).slice(0, 36).map((text) => record(domain, text.slice(0, 600))));
  const isHeldOut = (i) => i % 3 === 2;
  writeFileSync(file('text.jsonl'), lines.filter((_, i) => !isHeldOut(i)).join('\n') + '\n');
  writeFileSync(file('heldout.jsonl'), lines.filter((_, i) => isHeldOut(i)).join('\n') + '\n');
}

// The document of 61 layers of 512 experts, 8 used: what coe writes for such a model, with a swap for every 5 experts.
function large(document, nLayer = 61, nExpert = 512) {
  let seed = 1;
  const uniform = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const four = (value) => Number(value.toPrecision(4));
  const rows = (make) => Array.from({ length: nLayer }, (_, row) => make(row));
  const run = structuredClone(document.runs[0]);
  Object.assign(run, { n_expert: nExpert, n_keep: nExpert / 2, n_expert_used: 8, layers: rows((row) => row), kept: rows(() => '+-'.repeat(nExpert / 2)) });
  run.swaps = rows((row) => Array.from({ length: 6 }, (_, i) => [1 + (i % 2), row, 2 * i, 2 * i + 1, i + 1, i + 9, four(uniform()), four(uniform()), four(4 * uniform()), four(8 * uniform()), 4, 1, null])).flat();
  Object.assign(run.profile, { layers: run.layers, rank_tokens: 100000, scores: rows(() => Array.from({ length: nExpert }, () => four(uniform() ** 4))), ranks: rows(() => Array.from({ length: nExpert * 8 }, () => Math.ceil(2 * 100000 * uniform() / nExpert))), covered: rows(() => four(.5 + uniform() / 2)), entropy: rows(() => four(uniform())), by_domain: undefined });
  const points = Array.from({ length: 32 }, (_, i) => Math.round(1 + i * (nExpert - 1) / 31));
  run.profile.coverage = { n_keeps: points, layers: rows(() => points.map((k) => four(Math.sqrt(k / nExpert)))), enough: rows(() => [300, 400, 460]) };
  return { ...document, runs: [run], overlap: null };
}

function writeLarge(from, to, ...shape) {
  const page = readFileSync(file(from), 'utf8');
  const [head, rest] = page.split('id="data">');
  const end = rest.indexOf('</script>');
  writeFileSync(file(to), `${head}id="data">${JSON.stringify(large(JSON.parse(rest.slice(0, end)), ...shape))}${rest.slice(end)}`);
}

const visit = (browser, name, options = {}) => Visit.open(browser, pathToFileURL(file(name)).href, options);
const drawAll = async (at) => {
  await at.page.evaluate(() => redraw({ all: true }));
  await at.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
};
// Text of pictures stands over images, where axe is unsure: it is the page's ink, or stands out from its cell.
const accessible = async (at, where) => {
  await at.accessible(where, { unsure: false });
  const low = await at.page.$$eval('.plot svg', (all) => all.flatMap((svg) => {
    const cells = [...svg.querySelectorAll('rect')].map((rect) => [rect.getBoundingClientRect(), getComputedStyle(rect).fill]);
    return [...svg.querySelectorAll('text')].flatMap((text) => {
      const box = text.getBoundingClientRect();
      const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
      const under = cells.find(([cell]) => x > cell.left && x < cell.right && y > cell.top && y < cell.bottom);
      const ratio = contrast(getComputedStyle(text).fill, under ? under[1] : getComputedStyle(svg.closest('figure')).backgroundColor);
      return ratio < 4.5 ? [`${text.textContent}: ${ratio.toFixed(2)}`] : [];
    });
  }));
  assert.deepEqual(low, [], `contrasts of pictures, ${where}`);
};
const focused = (at) => at.page.evaluate(() => document.activeElement.className || document.activeElement.id || document.activeElement.tagName);

const browser = await launch();
const stage = new Stage({ only: values.only, shots: values.shots });
try {
  writeText();
  run('specialize', '-m', parent, '-f', 'text.jsonl', '--domain', 'code', '--eval', 'heldout.jsonl', '--cot', 'text.jsonl', '--cot-domain', 'prose', '--cot-cap', '3', '--max-tokens', '96', '--random', '2', '-k', '64', '-o', 'code.gguf');
  run('specialize', '-m', parent, '-f', 'text.jsonl', '--domain', 'code', '--profile', 'code.profile.gguf', '--eval', 'heldout.jsonl', '--max-tokens', '96', '--random', '1', '-k', '64', '--no-chat-check', '--heal', 'ridge', '--heal-tokens', '4000', '-o', 'healed.gguf');
  run('profile', '-m', parent, '-f', 'text.jsonl', '--stability', '-o', 'all.profile.gguf');
  run('mask', '-p', 'all.profile.gguf', '-k', '64', '-o', 'all.mask.json');
  run('mask', '-p', 'all.profile.gguf', '-k', '64', '--score', 'random', '--seed', '3', '-o', 'chance.mask.json');
  writeFileSync(file('sweep.json'), run('mask', '-p', 'all.profile.gguf', '--sweep', '32,64,96', '--json'));
  run('report', 'code.gguf', 'healed.gguf', 'all.mask.json', 'chance.mask.json', 'sweep.json', '-p', 'all.profile.gguf', '-m', parent, '-o', 'several.html');
  writeLarge('code.report.html', 'large.html');
  writeLarge('code.report.html', 'middle.html', 30, 128);

  for (const [size, scheme] of [['wide', 'light'], ['wide', 'dark'], ['phone', 'light'], ['phone', 'dark']])
    for (const name of ['code.report.html', 'healed.report.html', 'several.html'])
      await stage.scene(`${name}, ${size}, ${scheme}: all is drawn, nothing is wrong`, async () => {
        const at = await visit(browser, name, { size, scheme });
        await drawAll(at);
        const empty = await at.page.$$eval('.plot', (boxes) => boxes.filter((box) => !box.querySelector('svg')).length);
        assert.equal(empty, 0, 'pictures without a drawing');
        const text = await at.words('body');
        assert.ok(!/\[object|undefined|NaN|null/.test(text), `what is no text: ${text.match(/.{40}(\[object|undefined|NaN|null).{20}/)}`);
        if (values.shots) await at.page.screenshot({ path: join(values.shots, `${name}-${size}-${scheme}.png`), fullPage: true });
        await accessible(at, `${name}, ${size}, ${scheme}`);
        await at.close();
      });

  await stage.scene('the first screen says what matters', async () => {
    const at = await visit(browser, 'code.report.html');
    const words = await at.words('#summary');
    assert.match(words, /It keeps 64 of 128 experts in each of 8 layers/);
    for (const title of ['File', 'Memory', 'At home', 'Abroad', 'In a chat', 'Proof']) assert.ok(words.includes(title), `${title} in: ${words}`);
    assert.match(words, /perplexity ×[\d.]+ \[[\d.]+, [\d.]+\] of the parent's; random experts ×[\d.]+/);
    assert.match(await at.words('#next'), /coe package code\.gguf -o code-package -m .*ollama create .*llama-server .*lms import/s);
    await at.close();
  });

  await stage.scene('what healing gave stands beside the cut', async () => {
    const at = await visit(browser, 'healed.report.html');
    const words = await at.words('#summary');
    assert.match(words, /Healing KL [\d.]+ → [\d.]+ At home, only cut and healed: KL [\d.]+ \[[\d.]+, [\d.]+\] → [\d.]+ \[[\d.]+, [\d.]+\], ×0\.\d+ \[/);
    assert.match(words, /prose: KL .* By ridge, on [\d,]+ tokens\./);
    assert.match(await at.words('#healing'), /By ridge: [\d,]+ tokens to fit on .* (All 8 layers were bettered|\d of 8 layers were bettered; left as they were: )/);
    await at.page.$$eval('#healing details', (all) => all.forEach((details) => (details.open = true)));
    await at.until('tables', () => document.querySelectorAll('#healing tbody').length === 2);
    // The page's words against the document's numbers.
    const [layer, expected] = await at.page.evaluate(() => {
      const { error, after, kept } = report.runs[0].healing.layers[2];
      return [document.querySelectorAll('#healing tbody tr')[2].innerText, ['2', percent(error, 2), percent(error * after, 2), percent(1 - after, 1), kept]];
    });
    for (const cell of expected) assert.ok(layer.includes(cell), `${cell} in: ${layer}`);
    assert.match(await at.words('#provenance'), /healed by method=ridge .* text of the healing xxh3:/);
    await at.close();
  });

  await stage.scene('a run that was only cut says nothing of healing', async () => {
    const at = await visit(browser, 'code.report.html');
    assert.equal(await at.page.$('#healing'), null);
    assert.ok(!/heal/i.test(await at.words('body')));
    await at.close();
  });

  await stage.scene('the map by pointer and by keyboard', async () => {
    const at = await visit(browser, 'code.report.html');
    await at.page.$eval('.map', (map) => map.scrollIntoView({ block: 'center', behavior: 'instant' }));
    await at.until('the map is drawn', () => document.querySelector('.map image') !== null);
    const box = await at.page.$eval('.map image', (image) => JSON.parse(JSON.stringify(image.getBoundingClientRect())));
    await at.page.mouse.move(box.left + (10.5 / 128) * box.width, box.top + (3.5 / 8) * box.height);
    assert.match(await at.words('.detail'), /^Layer 3, expert 10 /);
    // The page's words against the document's numbers.
    const expected = await at.page.evaluate(() => {
      const { scores, ranks, rank_tokens: tokens } = report.runs[0].profile;
      const sum = scores[3].reduce((a, b) => a + b);
      const chosen = ranks[3].slice(80, 88).reduce((a, b) => a + b);
      return [`${((100 * scores[3][10]) / sum).toFixed(2)} %`, `${((100 * chosen) / tokens).toFixed(2)} % of tokens`];
    });
    for (const number of expected) assert.ok((await at.words('.detail')).includes(number), `${number} in: ${await at.words('.detail')}`);
    await at.page.focus('.map');
    await at.page.keyboard.press('ArrowRight');
    await at.page.keyboard.press('ArrowDown');
    assert.match(await at.words('.detail'), /^Layer 4, expert 11 /);
    assert.match(await at.page.$eval('#said', (said) => said.textContent), /^Layer 4, expert 11: /);
    await at.page.keyboard.press('Home');
    await at.page.keyboard.press('PageUp');
    assert.match(await at.words('.detail'), /^Layer 0, expert 0 /);
    // In the order of scores the first is the best of its layer.
    await at.page.select('.controls select', 'score');
    await at.page.focus('.map');
    await at.page.keyboard.press('Home');
    assert.match(await at.words('.detail'), /place by it 1 of 128/);
    await at.page.evaluate(() => { const input = document.querySelectorAll('.controls input')[1]; input.value = 77; input.dispatchEvent(new Event('change')); });
    assert.match(await at.words('.detail'), /^Layer 0, expert 77 /);
    await at.close();
  });

  await stage.scene('a map shows what the mask keeps', async () => {
    const at = await visit(browser, 'code.report.html');
    const wrong = await at.page.evaluate(() => {
      const [one] = runs;
      let n = 0;
      one.layers.forEach((layer, row) => {
        for (let e = 0; e < one.n_expert; e += 1) if (['kept', 'in'].includes(one.state(row, e)) !== (report.runs[0].kept[row][e] === '+')) n += 1;
      });
      return [n, one.kept.map((row) => [...row].filter((c) => c === '+').length)];
    });
    assert.equal(wrong[0], 0);
    assert.deepEqual(wrong[1], new Array(8).fill(64));
    await at.close();
  });

  await stage.scene('swaps are sorted and filtered', async () => {
    const at = await visit(browser, 'code.report.html');
    const column = (i) => at.page.$$eval('#swap-table tbody tr', (rows, at) => rows.map((row) => row.children[at].textContent), i);
    const all = (await column(0)).length;
    assert.ok(all > 8, `${all} swaps`);
    await at.page.focus('#swap-table thead th:nth-child(3) button');
    await at.page.keyboard.press('Enter');
    const up = (await column(2)).map(Number);
    assert.deepEqual(up, [...up].sort((a, b) => a - b));
    await at.page.keyboard.press('Enter');
    assert.deepEqual((await column(2)).map(Number), [...up].reverse());
    assert.equal(await at.page.$eval('#swap-table thead th:nth-child(3)', (head) => head.getAttribute('aria-sort')), 'descending');
    const selects = await at.page.$$('#swap-table select');
    await selects[1].select('3');
    assert.deepEqual([...new Set(await column(0))], ['3']);
    const one = (await column(2))[0];
    await at.page.type('#swap-table input', one);
    for (const row of await at.page.$$eval('#swap-table tbody tr', (rows) => rows.map((row) => [row.children[2].textContent, row.children[3].textContent]))) assert.ok(row.includes(one));
    await at.close();
  });

  await stage.scene('colours follow the switch and the system', async () => {
    const at = await visit(browser, 'code.report.html');
    const paper = () => at.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await paper();
    await at.page.click('.segments label:nth-of-type(3)');
    const dark = await paper();
    assert.notEqual(dark, light);
    await drawAll(at);
    await accessible(at, 'dark by the switch');
    await at.page.click('.segments label:nth-of-type(1)');
    await at.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
    assert.equal(await paper(), dark);
    await at.close();
  });

  await stage.scene('each picture has a table, and the data can be had', async () => {
    const at = await visit(browser, 'several.html');
    const without = await at.page.$$eval('figure', (all) => all.filter((one) => one.id !== 'swap-table' && !one.querySelector('details')).length);
    assert.equal(without, 0);
    await at.page.$$eval('figure details', (all) => all.forEach((details) => (details.open = true)));
    await at.until('tables', () => [...document.querySelectorAll('figure details')].every((details) => details.querySelector('table tbody tr')));
    await drawAll(at);
    await accessible(at, 'tables');
    const sent = await at.page.evaluate(async () => {
      let blob;
      URL.createObjectURL = (given) => ((blob = given), 'blob:none');
      HTMLAnchorElement.prototype.click = () => {};
      document.getElementById('download').click();
      return JSON.parse(await blob.text()).schema;
    });
    assert.equal(sent, 'coe.report/1');
    await at.close();
  });

  await stage.scene('runs are chosen and compared', async () => {
    const at = await visit(browser, 'several.html');
    assert.equal(await at.words('h1'), await at.page.evaluate(() => report.runs[0].title));
    await at.page.select('#run', '2');
    assert.equal(await at.words('h1'), 'all');
    assert.ok(await at.page.$('#stability'), 'a run that was looked at for stability shows it');
    const words = await at.words('#compare');
    for (const name of ['code', 'healed', 'all', 'chance']) assert.ok(words.includes(name));
    assert.match(words, /healed by .* ridge /);
    assert.match(words, /0\.33 is what chance gives/);
    assert.match(await at.words('#sweep-1'), /To start from: K = \d+, by coverage/);
    await at.close();
  });

  await stage.scene('the whole page by keyboard', async () => {
    const at = await visit(browser, 'code.report.html');
    await at.page.keyboard.press('Tab');
    assert.equal(await focused(at), 'skip');
    const seen = new Set();
    for (let i = 0; i < 200; i += 1) {
      await at.page.keyboard.press('Tab');
      seen.add(await focused(at));
    }
    for (const name of ['download', 'map', 'scroll']) assert.ok(seen.has(name), `${name} is reached: ${[...seen].join(', ')}`);
    await at.close();
  });

  await stage.scene('print draws all', async () => {
    const at = await visit(browser, 'several.html');
    await at.page.evaluate(() => dispatchEvent(new Event('beforeprint')));
    assert.equal(await at.page.$$eval('.plot', (boxes) => boxes.filter((box) => !box.querySelector('svg')).length), 0);
    // On an A4 page with its margins; what is wider would be cut off.
    await at.page.setViewport({ width: 718, height: 1000 });
    await at.page.emulateMediaType('print');
    await at.until('pictures have the new width', () => [...document.querySelectorAll('.plot svg')].every((svg) => svg.getBoundingClientRect().right <= innerWidth));
    const wide = await at.page.$$eval('table', (tables) => tables.filter((table) => table.getBoundingClientRect().right > innerWidth).map((table) => table.textContent.slice(0, 40)));
    assert.deepEqual(wide, [], 'tables that a page cuts off');
    await at.page.emulateMediaType('screen');
    const pdf = await at.page.pdf({ format: 'A4' });
    assert.ok(pdf.length > 50000, `${pdf.length} bytes of PDF`);
    if (values.shots) writeFileSync(join(values.shots, 'several.pdf'), pdf);
    await at.close();
  });

  // How soon it opens is measured here and held to a limit only by hand: a machine that is busy is no fault of the page.
  for (const name of ['middle.html', 'large.html'])
    await stage.scene(`${name} opens`, async () => {
      const size = statSync(file(name)).size;
      assert.ok(size <= 3e6, `${size} bytes`);
      const at = await visit(browser, name);
      const ms = await at.page.evaluate(() => Math.round(performance.getEntriesByType('navigation')[0].domInteractive));
      assert.equal(await at.page.evaluate(() => document.documentElement.dataset.ready), 'yes');
      console.log(`        ${name}: ${(size / 1e6).toFixed(2)} MB, interactive after ${ms} ms`);
      await drawAll(at);
      if (values.shots) await at.page.screenshot({ path: join(values.shots, `${name}.png`), fullPage: true });
      await at.close();
    });
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
stage.end();
