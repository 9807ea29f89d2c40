// The college's page in headless Chromium.
//   node browser.mjs                          against the mock: all scenes
//   node browser.mjs http://127.0.0.1:8080/   against a server that runs: those that hold for any
// Options: --first NAME --second NAME   who is asked (default: the first two of the list)
//          --question TEXT --long TEXT  what is asked, and what takes long enough to be stopped
//          --dead NAME                  a model that does not start
//          --breaks NAME                a model that dies in mid-answer; --break-with COMMAND kills it
//          --key KEY  --limit SECONDS   that an answer may take (default 30; a cold model takes longer)
//          --shots DIR                  screenshots
//          --only WORDS                 only scenes with these words in their names
// The exit status is 0 when all pass, 1, or 77 where there is no Chromium or package to run it with.
import { parseArgs } from 'node:util';
import { Stage, launch } from './harness.mjs';
import { startMock } from './mock.mjs';
import { mockServer } from './mock_scenes.mjs';
import { parts } from './parts.mjs';
import { anyServer } from './scenes.mjs';

const text = { type: 'string' };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { first: text, second: text, question: text, long: text, dead: text, breaks: text, 'break-with': text, key: text, limit: text, shots: text, only: text },
});

async function planFor(url) {
  const headers = values.key ? { Authorization: `Bearer ${values.key}` } : {};
  const { data } = await (await fetch(new URL('v1/models', url), { headers })).json();
  const first = values.first ?? data[0].id;
  return {
    url,
    first,
    second: values.second ?? data.find(({ id, coe }) => id !== first && coe?.state !== 'failed')?.id,
    question: values.question ?? 'Write three sentences about the sea.',
    long: values.long ?? 'Count from one to five hundred in words, one number a line.',
    dead: values.dead,
    breaks: values.breaks,
    breakWith: values['break-with'],
    key: values.key ?? '',
    limit: Number(values.limit ?? 30),
  };
}

const browser = await launch();
// A page that is left open would keep the server at work.
const afterwards = () => Promise.all(browser.browserContexts().filter((context) => context !== browser.defaultBrowserContext()).map((context) => context.close()));
const stage = new Stage({ only: values.only, shots: values.shots, afterwards });
try {
  if (positionals.length > 0) {
    await anyServer(stage, browser, await planFor(positionals[0]));
  } else {
    const mock = await startMock();
    await anyServer(stage, browser, { url: mock.url, first: 'web', second: 'prose', question: 'How do I centre a box?', long: 'test: long', dead: 'law', breaks: 'history', breakWith: '', key: '', limit: 30 });
    await mockServer(stage, browser, mock);
    await parts(stage, browser, mock.url);
    await mock.close();
  }
} finally {
  await browser.close();
}
stage.end();
