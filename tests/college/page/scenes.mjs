// Scenes that hold for any college: with the mock, and with `coe serve` and its models.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { Visit } from './harness.mjs';

// `plan`: {url, first, second, question, long, dead, breaks, breakWith, limit, key}
export async function anyServer(stage, browser, plan) {
  const visit = (options = {}) => Visit.open(browser, plan.url, { limit: plan.limit, key: plan.key, ...options });

  await stage.scene('a streamed answer', async () => {
    const at = await visit();
    await at.ready();
    await at.choose(plan.first);
    // How long the answer is, each time that it is drawn while it is not complete.
    await at.page.evaluate(() => {
      window.lengths = [];
      new MutationObserver(() => {
        const busy = document.querySelector('.answer[aria-busy=true] .text');
        if (busy) window.lengths.push(busy.textContent.length);
      }).observe(document.querySelector('#talk'), { childList: true, subtree: true, characterData: true });
    });
    await at.send(plan.question);
    assert.equal(await at.page.$eval('.answer', (answer) => answer.getAttribute('aria-busy')), 'true');
    await at.done();
    const [answer] = await at.answers();
    assert.ok(answer.text.length > 0, 'the answer has text');
    assert.equal(answer.problem, '');
    const [lengths, whole] = await at.page.evaluate(() => [window.lengths, document.querySelector('.answer .text').textContent.length]);
    assert.ok(lengths.some((length) => length > 0 && length < whole), `parts of it were seen: ${lengths} of ${whole}`);
    assert.match(answer.speed, /^(about )?[\d.]+ tokens\/s · first after [\d.]+ s · \d+ tokens$/);
    assert.match(await at.page.$eval('#said', (said) => said.textContent), / answers: /);
    assert.equal(await at.page.evaluate(() => document.activeElement.id), 'question');
    await stage.shot(at, 'any-streamed');
    await at.accessible('a streamed answer');
    await at.close();
  });

  if (plan.second) {
    await stage.scene('side by side', async () => {
      const at = await visit();
      await at.ready();
      await at.choose(plan.first, plan.second);
      await at.send(plan.question);
      await at.done();
      const answers = await at.answers();
      assert.equal(answers.length, 2);
      assert.equal(answers[1].who, plan.second);
      for (const answer of answers) assert.ok(answer.text.length > 0 && answer.speed !== '', `${answer.who} answered`);
      const tops = await at.page.$$eval('.answer', (all) => all.map((one) => one.getBoundingClientRect().top));
      assert.equal(tops[0], tops[1], 'both begin at the same height');
      await stage.shot(at, 'any-side-by-side');
      await at.accessible('side by side');
      await at.close();
      const phone = await visit({ size: 'phone' });
      await phone.ready();
      await phone.choose(plan.first, plan.second);
      await phone.send(plan.question);
      await phone.done();
      await stage.shot(phone, 'any-side-by-side-phone');
      await phone.accessible('side by side on a phone');
      await phone.close();
    });
  } else {
    stage.cannot('side by side', 'the server has one model');
  }

  for (const how of ['button', 'Escape']) {
    await stage.scene(`a stopped answer, by ${how}`, async () => {
      const at = await visit();
      await at.ready();
      await at.choose(plan.first);
      await at.send(plan.long);
      await at.until('text', () => document.querySelector('.answer .text')?.textContent.length > 20);
      if (how === 'button') await at.page.click('#stop');
      else await at.page.keyboard.press('Escape');
      await at.done();
      const [answer] = await at.answers();
      assert.equal(answer.state, 'stopped');
      assert.equal(answer.note, 'Stopped: the answer is not complete.');
      assert.ok(answer.text.length > 20);
      assert.equal(await at.page.evaluate(() => document.activeElement.id), 'question');
      assert.deepEqual(await at.page.evaluate(() => ['send', 'stop'].map((id) => document.getElementById(id).hidden)), [false, true]);
      await stage.shot(at, 'any-stopped');
      await at.accessible('stopped');
      // It may be asked again, and goes its way.
      await at.page.click('.again');
      await at.until('text again', () => document.querySelector('.answer .text')?.textContent.length > 20);
      await at.page.keyboard.press('Escape');
      await at.done();
      await at.close();
    });
  }

  await stage.scene('the theme', async () => {
    const at = await visit();
    await at.ready();
    const ground = () => at.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await at.page.click('[name=theme][value=dark]');
    const dark = await ground();
    assert.notEqual(dark, light);
    await at.page.reload();
    await at.ready();
    assert.equal(await ground(), dark, 'it is kept');
    await at.page.click('[name=theme][value=""]');
    assert.equal(await ground(), light);
    await at.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
    assert.equal(await ground(), dark, 'the system decides again');
    await at.close();
  });

  await stage.scene('the keyboard alone', () => keyboard(visit, plan));

  await stage.scene('a question that is HTML stays text', async () => {
    const at = await visit();
    await at.ready();
    await at.choose(plan.first);
    await at.send('<img src=x onerror="window.pwned = 1"> Say hello.');
    await at.done();
    assert.match(await at.words('.question'), /<img src=x/);
    assert.equal(await at.page.evaluate(() => window.pwned), undefined);
    await at.close();
  });

  if (plan.dead) await stage.scene('a specialist that does not start', async () => {
    const at = await visit();
    await at.ready();
    await at.choose(plan.dead);
    await at.send(plan.question);
    await at.done();
    const [answer] = await at.answers();
    assert.equal(answer.state, 'failed');
    assert.ok(answer.problem.startsWith(`${plan.dead} did not answer: `) && answer.problem.length > 40, answer.problem);
    assert.match(await at.page.$eval('#said', (said) => said.textContent), /did not answer/);
    await stage.shot(at, 'any-did-not-start');
    await at.accessible('a specialist that does not start');
    // Somebody else can be asked in the same conversation.
    await at.choose(plan.first);
    await at.send(plan.question);
    await at.done();
    assert.equal((await at.answers())[0].problem, '');
    at.refused = at.refused.map((line) => line.replace(/^5\d\d/, '5xx'));
    await at.close({ refused: ['5xx /v1/chat/completions'] });
  });
  else stage.cannot('a specialist that does not start', 'name one with --dead');

  if (plan.breaks) await stage.scene('a specialist that dies in the middle', async () => {
    const at = await visit();
    await at.ready();
    await at.choose(plan.breaks);
    await at.send(plan.breakWith ? plan.long : plan.question);
    await at.until('text', () => document.querySelector('.answer .text')?.textContent.length > 10);
    if (plan.breakWith) assert.equal(spawnSync('sh', ['-c', plan.breakWith]).status, 0, plan.breakWith);
    await at.done();
    const [answer] = await at.answers();
    assert.equal(answer.state, 'failed');
    assert.ok(answer.problem.startsWith(`The answer of ${plan.breaks} broke off`) && answer.problem.length > 45, answer.problem);
    assert.ok(answer.text.length > 10, 'what had arrived stays');
    await stage.shot(at, 'any-broke-off');
    await at.accessible('a specialist that dies in the middle');
    await at.close();
  });
  else stage.cannot('a specialist that dies in the middle', 'name one with --breaks, and how with --break-with');
}

// From the top of the page to an answer and its copy button, with no mouse.
async function keyboard(visit, plan) {
  const at = await visit();
  await at.ready();
  const walked = [];
  for (let i = 0; i < 30 && walked.at(-1) !== 'send'; ++i) {
    await at.page.keyboard.press('Tab');
    const { name, seen } = await at.page.evaluate(() => {
      const element = document.activeElement;
      const outlines = [element, element.closest('label')].filter(Boolean).map((one) => getComputedStyle(one));
      return { name: element.id || element.name || element.className, seen: outlines.some(({ outlineStyle, outlineWidth }) => outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2) };
    });
    assert.ok(seen, `the focus on ${name} can be seen`);
    walked.push(name);
  }
  assert.deepEqual(walked, ['skip', 'new', 'model', ...(plan.second ? ['second'] : []), 'think', 'system', 'theme', 'question', 'send']);
  await at.page.focus('.skip');
  await at.page.keyboard.press('Enter');
  assert.equal(await at.page.evaluate(() => document.activeElement.id), 'question');
  await at.page.keyboard.type('Say');
  await at.page.keyboard.down('Shift');
  await at.page.keyboard.press('Enter');
  await at.page.keyboard.up('Shift');
  await at.page.keyboard.type('hello.');
  assert.equal(await at.page.$eval('#question', (field) => field.value), 'Say\nhello.');
  assert.equal((await at.page.$$('.answer')).length, 0, 'Shift+Enter sends nothing');
  await at.page.keyboard.press('Enter');
  await at.until('an answer', () => document.querySelector('.answer'));
  await at.done();
  await at.page.focus('.answer');
  for (let i = 0; i < 8; ++i) {
    await at.page.keyboard.press('Tab');
    if (await at.page.evaluate(() => document.activeElement.matches('.answer > footer .copy'))) break;
  }
  await at.page.keyboard.press('Space');
  await at.until('copied', () => /Copied/.test(document.activeElement.textContent));
  await at.close();
}
