// Scenes that need a server in trouble, or one that tells what it was asked: the mock.
import assert from 'node:assert/strict';
import { Visit } from './harness.mjs';
import { HOSTILE, startMock } from './mock.mjs';

const PLACES = [['wide', 'light'], ['wide', 'dark'], ['phone', 'light'], ['phone', 'dark']];

export async function mockServer(stage, browser, mock) {
  const visit = (options = {}) => Visit.open(browser, mock.url, options);
  const asked = () => mock.requests.filter(({ path }) => path === '/v1/chat/completions').at(-1).body;

  await stage.scene('who answers and why', async () => {
    const at = await visit();
    await at.ready();
    await at.send('How do I centre a box with CSS?');
    await at.done();
    let [answer] = await at.answers();
    assert.equal(answer.who, 'web');
    assert.equal(answer.why, 'web, 91 %');
    await at.page.click('.why summary');
    const bars = await at.page.$$eval('.scores li', (rows) => rows.map((row) => [row.querySelector('.name').textContent, row.querySelector('.number').textContent.replace('\u00a0', ' '), row.querySelector('.bar > span').style.width]));
    assert.deepEqual(bars.slice(0, 2), [['web', '91 %', '91%'], ['prose', '4 %', '4%']]);
    assert.equal(bars.length, 5);
    assert.equal(answer.speed, '38 tokens/s · first after ' + answer.speed.match(/after (.*) ·/)[1] + ' · 40 tokens');
    await at.send('And what else?');
    await at.done();
    [answer] = await at.answers();
    assert.equal(answer.why, 'web goes on with its conversation');
    await at.page.click('#new');
    assert.equal((await at.page.$$('.turn')).length, 0);
    await at.send('What do you think?');
    await at.done();
    [answer] = await at.answers();
    assert.equal(answer.who, 'general');
    assert.equal(answer.why, 'web, 41 %; unsure: the parent answers');
    await at.close();
  });

  await stage.scene('what is sent', async () => {
    const at = await visit();
    await at.ready();
    await at.page.type('#system', 'Be brief.');
    await at.choose('web', 'prose');
    await at.send('First?');
    await at.done();
    await at.choose('web');
    await at.page.click('#think');
    await at.send('Second?');
    await at.done();
    const { messages, ...rest } = asked();
    assert.deepEqual(rest, { model: 'web', stream: true, stream_options: { include_usage: true }, chat_template_kwargs: { enable_thinking: true } });
    assert.deepEqual(messages.map(({ role }) => role), ['system', 'user', 'assistant', 'user']);
    assert.equal(messages[0].content, 'Be brief.');
    assert.match(messages[2].content, /^A box is centred/, 'its own answer, not the one beside it');
    assert.equal(messages[3].content, 'Second?');
    // The second of two goes on with what the first one said, where it was not asked itself.
    await at.choose('web', 'general');
    await at.send('And two?');
    await at.done();
    const both = mock.requests.filter(({ path }) => path === '/v1/chat/completions').slice(-2).map(({ body }) => body);
    assert.deepEqual(both.map(({ model }) => model).sort(), ['general', 'web']);
    for (const { messages: sent } of both) assert.deepEqual(sent.map(({ role }) => role), ['system', 'user', 'assistant', 'user', 'assistant', 'user']);
    assert.match(both.find(({ model }) => model === 'general').messages[2].content, /^The harbour/);
    assert.match(both.find(({ model }) => model === 'general').messages[4].content, /^A box is centred/);
    // Thinking is shown, but no part of the conversation; it is off unless asked for.
    const thinking = await at.page.$eval('.turn:last-child .thinking', (details) => [details.hidden, details.open, details.querySelector('div').textContent]);
    assert.deepEqual(thinking.slice(0, 2), [false, false]);
    assert.match(thinking[2], /^The question is about layout/);
    await at.page.click('#think');
    await at.choose('prose');
    await at.send('Third?');
    await at.done();
    assert.equal(asked().chat_template_kwargs.enable_thinking, false);
    assert.ok(!JSON.stringify(asked().messages).includes('about layout'));
    // A question without an answer is left out, for templates want them in turn.
    await at.choose('law');
    await at.send('Fourth?');
    await at.done();
    await at.choose('web');
    await at.send('Fifth?');
    await at.done();
    assert.deepEqual(asked().messages.map(({ role }) => role), ['system', ...Array(4).fill(['user', 'assistant']).flat(), 'user']);
    await at.close({ refused: ['503 /v1/chat/completions'] });
  });

  await stage.scene('a stopped answer stops the work', async () => {
    const at = await visit();
    await at.ready();
    await at.choose('web', 'prose');
    await at.send('test: long');
    await at.until('text in both', () => [...document.querySelectorAll('.answer .text')].every((text) => text.textContent.length > 20));
    await at.page.keyboard.press('Escape');
    await at.done();
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.deepEqual(mock.requests.filter(({ path }) => path === '/v1/chat/completions').slice(-2).map(({ aborted }) => aborted), [true, true]);
    await at.close();
  });

  await stage.scene('answers that go wrong', async () => {
    const at = await visit();
    await at.ready();
    await at.choose('law');
    await at.send('What is a contract?');
    await at.done();
    assert.equal((await at.answers())[0].problem, 'law did not answer: law does not start: error loading model: tensor data is not within the file bounds. (HTTP 503)');
    await at.choose('history');
    await at.send('When was peace made?');
    await at.done();
    assert.equal((await at.answers())[0].problem, 'The answer of history broke off: the process of history was ended by signal 9 (SIGKILL).');
    await at.page.click('.turn:last-child .again');
    await at.done();
    assert.equal((await at.answers())[0].state, 'failed');
    await at.choose('web');
    for (const [question, problem, note] of [
      ['test: cut', 'The answer of web broke off. The connection ended before the answer did.', ''],
      ['test: garbled', 'The answer of web cannot be read. The server sent a piece of an answer that cannot be read.', ''],
      ['test: length', '', 'Cut off: the limit on its length was reached.'],
    ]) {
      await at.send(question);
      await at.done();
      const [answer] = await at.answers();
      assert.deepEqual([answer.problem, answer.note], [problem, note], question);
      assert.ok(answer.text.length > 10);
    }
    await at.close({ refused: ['503 /v1/chat/completions'] });
  });

  await stage.scene('a hostile answer stays text', async () => {
    const at = await visit();
    await at.ready();
    await at.choose('web');
    await at.send('test: hostile');
    await at.done();
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(await at.page.evaluate(() => window.pwned), undefined);
    assert.equal((await at.page.$$('#talk :is(img, script, iframe, svg, a, b)')).length, 0);
    const shown = await at.page.$eval('.answer .text', (text) => text.textContent);
    for (const line of HOSTILE.split('\n').filter((one) => !one.startsWith('```'))) {
      const text = line.replace(/^- /, '').replaceAll('`', '');
      assert.ok(shown.includes(text), `it shows ${text}`);
    }
    await stage.shot(at, 'hostile');
    await at.accessible('a hostile answer');
    await at.close();
  });

  await stage.scene('a specialist that has to start', async () => {
    const cold = await startMock({ cold: 3500 });
    const at = await Visit.open(browser, cold.url);
    await at.ready();
    await at.choose('maths');
    await at.send('Integrate x squared times e to the x.');
    await at.until('it says so', () => document.querySelector('.waiting').checkVisibility());
    assert.equal(await at.words('.waiting'), 'maths is being started. A cold model may take a minute.');
    await at.until('the list says so', () => document.querySelector('.model[data-state=starting]')?.textContent.includes('starting'));
    await stage.shot(at, 'starting');
    await at.accessible('starting');
    await at.done();
    assert.equal((await at.answers())[0].text, 'Integrating by parts twice gives ∫ x² eˣ dx = (x² − 2x + 2) eˣ + C.');
    assert.equal(await at.page.$eval('.waiting', (waiting) => waiting.hidden), true);
    await at.until('the list says ready', () => !document.querySelector('.model[data-state=starting]'));
    await at.close();
    await cold.close();
  });

  await stage.scene('the key', () => theKey(stage, browser));

  await stage.scene('no model, and no server', async () => {
    const empty = await startMock({ empty: true });
    const at = await Visit.open(browser, empty.url);
    await at.until('it says so', () => !document.querySelector('#notice').hidden);
    assert.match(await at.words('#notice'), /^No model is served\./);
    assert.equal(await at.page.$eval('#send', (send) => send.disabled), true);
    await stage.shot(at, 'no-model');
    await at.accessible('no model');
    await empty.close();
    await at.page.click('#retry');
    await at.until('it says so', () => /does not answer/.test(document.querySelector('#notice-title').textContent));
    await at.close();
  });

  await stage.scene('one model alone', async () => {
    const alone = await startMock({ only: 'web' });
    const at = await Visit.open(browser, alone.url);
    await at.ready();
    assert.match(await at.words('#welcome'), /Ask away/);
    assert.deepEqual(await at.page.$eval('#second', (second) => [second.disabled, second.options.length]), [true, 1]);
    await at.send('How do I centre a box?');
    await at.done();
    const [answer] = await at.answers();
    assert.deepEqual([answer.who, answer.why, answer.problem], ['web', '', '']);
    await at.close();
    await alone.close();
  });

  await stage.scene('a server that goes away and comes back', async () => {
    let server = await startMock();
    const port = Number(new URL(server.url).port);
    const at = await Visit.open(browser, server.url);
    await at.ready();
    await at.choose('web');
    await server.close();
    await at.send('Are you there?');
    await at.done();
    assert.equal((await at.answers())[0].problem, 'The server cannot be reached. Is coe serve still running?');
    server = await startMock({ port });
    await at.page.click('.again');
    await at.done();
    assert.equal((await at.answers())[0].problem, '');
    assert.equal(await at.page.$eval('.model input[value=web]', (input) => input.checked), true, 'the choice is kept');
    await at.close();
    await server.close();
  });

  await stage.scene('the place in a long conversation', async () => {
    const at = await visit();
    await at.ready();
    await at.choose('web');
    await at.send('How do I centre a box?');
    await at.done();
    await at.choose('law');
    await at.send('What is a contract?');
    await at.done();
    const below = () => at.page.evaluate(() => document.documentElement.scrollHeight - window.innerHeight - window.scrollY);
    assert.ok(await below() < 2, 'the end of what came last is seen');
    await at.choose('web');
    await at.send('test: long');
    await at.until('lines', () => document.querySelector('.turn:last-child .text')?.textContent.length > 800);
    assert.ok(await below() < 200, 'the page goes along');
    await at.page.evaluate(() => window.scrollTo(0, 0));
    await at.until('more lines', () => document.querySelector('.turn:last-child .text')?.textContent.length > 1600);
    assert.equal(await at.page.evaluate(() => window.scrollY), 0, 'whoever reads above stays there');
    await at.page.keyboard.press('Escape');
    await at.done();
    assert.equal(await at.page.evaluate(() => window.scrollY), 0);
    await at.close({ refused: ['503 /v1/chat/completions'] });
  });

  await stage.scene('motion that is not wanted', async () => {
    const at = await visit({ motion: false });
    await at.ready();
    await at.choose('web');
    await at.send('test: long');
    await at.until('text', () => document.querySelector('.answer .text')?.textContent.length > 20);
    assert.equal(await at.page.evaluate(() => document.getAnimations().length), 0);
    await at.page.keyboard.press('Escape');
    await at.close();
  });

  await stage.scene('copying', async () => {
    const at = await visit();
    await at.context.overridePermissions(new URL(mock.url).origin, ['clipboard-read', 'clipboard-write', 'clipboard-sanitized-write']);
    await at.ready();
    await at.choose('web');
    await at.send('How do I centre a box?');
    await at.done();
    await at.page.click('.code .copy');
    await at.until('copied', () => document.querySelector('.code .copy').textContent === 'Copied');
    const code = await at.page.evaluate(() => navigator.clipboard.readText());
    assert.match(code, /^\.stage \{\n  display: grid;\n  place-items: center;\n  min-height: 100dvh;.*\n\}\n$/);
    await at.page.click('.answer > footer .copy');
    await at.until('copied', () => document.querySelector('.answer > footer .copy').textContent === 'Copied');
    assert.match(await at.page.evaluate(() => navigator.clipboard.readText()), /^A box is centred[\s\S]*```css/);
    await at.close();
  });

  for (const [size, scheme] of PLACES)
    await stage.scene(`every state, ${size}, ${scheme}`, async () => everyState(stage, await visit({ size, scheme }), `${size}-${scheme}`, size === 'phone'));
}

async function theKey(stage, browser) {
  const locked = await startMock({ key: 'sk-right' });
  const at = await Visit.open(browser, locked.url);
  await at.until('it asks for the key', () => document.querySelector('#key').checkVisibility());
  assert.equal(await at.page.evaluate(() => document.activeElement.id), 'key');
  await stage.shot(at, 'key');
  await at.accessible('the key');
  await at.page.keyboard.type('sk-wrong');
  await at.page.keyboard.press('Enter');
  await at.until('it refuses', () => /not accepted/.test(document.querySelector('#notice-title').textContent));
  await at.page.keyboard.type('sk-right');
  await at.page.keyboard.press('Enter');
  await at.ready();
  assert.deepEqual(await at.page.evaluate(() => [document.querySelector('#notice').hidden, sessionStorage.getItem('coe.key'), localStorage.length, document.activeElement.id]), [true, 'sk-right', 0, 'question']);
  await at.send('How do I centre a box?');
  await at.done();
  assert.equal((await at.answers())[0].problem, '');
  assert.ok(locked.requests.filter(({ path }) => path.endsWith('completions')).every(({ headers }) => headers.authorization === 'Bearer sk-right'));
  await at.page.click('#forget');
  await at.until('it asks again', () => document.querySelector('#key').checkVisibility());
  assert.equal(await at.page.evaluate(() => sessionStorage.getItem('coe.key')), null);
  await at.close({ refused: ['401 /v1/models'] });
  await locked.close();
}

// One window size and colour scheme: all that the page can show, held to axe and to the window's width.
async function everyState(stage, at, name, phone) {
  await at.ready();
  await stage.shot(at, `welcome-${name}`);
  await at.accessible(`${name}, welcome`);
  if (phone) {
    await at.page.click('#menu');
    await stage.shot(at, `settings-${name}`);
    await at.accessible(`${name}, settings`);
    await at.page.keyboard.press('Escape');
    assert.equal(await at.page.evaluate(() => document.activeElement.id), 'menu');
  }
  await at.send('How do I centre a box with CSS? It is 300 px wide, and may be higher than the window.');
  await at.until('text', () => document.querySelector('.answer .text')?.textContent.length > 150);
  await stage.shot(at, `streaming-${name}`);
  await at.done();
  await at.page.click('.why summary');
  await stage.shot(at, `answer-${name}`);
  await at.accessible(`${name}, an answer`);
  const scrolled = await at.page.$eval('.code pre', (pre) => {
    pre.scrollLeft = 40;
    return [pre.scrollWidth > pre.clientWidth, pre.scrollLeft];
  });
  if (phone) assert.deepEqual(scrolled, [true, 40], 'long lines of code can be scrolled to');
  await at.page.evaluate(() => document.querySelector('#think').click());
  await at.choose('web', 'prose');
  await at.send('Write the first lines of a story.');
  await at.done();
  await at.page.click('.turn:last-child .thinking summary');
  await stage.shot(at, `side-by-side-${name}`);
  await at.accessible(`${name}, side by side`);
  await at.choose('history', 'law');
  await at.send(`When was the treaty signed? ${'averylongwordwithoutanyspace'.repeat(12)}`);
  await at.done();
  await stage.shot(at, `troubles-${name}`);
  await at.accessible(`${name}, troubles`);
  await at.page.click('#new');
  await at.choose('college');
  await at.send('What do you think of it?');
  await at.done();
  await at.page.click('.turn:last-child .why summary');
  await stage.shot(at, `unsure-${name}`);
  await at.accessible(`${name}, unsure`);
  await at.close({ refused: ['503 /v1/chat/completions'] });
}
