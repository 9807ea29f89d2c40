// The page's modules by themselves, in the browser: what is read of streams and answers, whatever comes in what pieces.
import assert from 'node:assert/strict';
import { Visit } from './harness.mjs';

export async function parts(stage, browser, url) {
  const inPage = async (check, ...given) => {
    const at = await Visit.open(browser, url);
    const result = await at.page.evaluate(check, ...given);
    await at.close();
    return result;
  };

  await stage.scene('events come in any pieces', async () => {
    const text = 'data: {"a":"é"}\r\n\r\n: ping\n\nevent: x\ndata:one\ndata: two\n\ndata: [DONE]\r\rdata: half';
    const read = await inPage(async (all) => {
      const { EventReader } = await import('./client.js');
      return Array.from({ length: all.length }, (_, cut) => {
        const reader = new EventReader();
        return [...reader.take(all.slice(0, cut)), ...reader.take(all.slice(cut))];
      });
    }, text);
    for (const events of read) assert.deepEqual(events, ['{"a":"é"}', 'one\ntwo', '[DONE]']);
  });

  await stage.scene('reasons that are not known', async () => {
    const read = await inPage(async () => {
      const { readChoice } = await import('./client.js');
      return ['', 'x', '{}', '[]', 'null', '{"chosen":1,"scores":{}}', '{"chosen":"a","scores":null}', '{"chosen":"a","scores":{"b":1,"a":2,"c":"x"},"ms":"?"}'].map(readChoice);
    });
    assert.deepEqual(read.slice(0, -1), Array(7).fill(null));
    assert.deepEqual(read.at(-1), { chosen: 'a', unsure: false, stayed: false, ms: null, scores: [['a', 2], ['b', 1]] });
  });

  await stage.scene('words', async () => {
    const said = await inPage(async () => {
      const w = await import('./words.js');
      const timing = { first: 0.5, last: 2.5, pieces: 81 };
      return [
        w.percent(0), w.percent(0.004), w.percent(0.926), w.percent(0.997), w.percent(1),
        w.speedWords(timing, { timings: { predicted_per_second: 38.24, predicted_n: 80 } }),
        w.speedWords(timing, { timings: null, usage: { completion_tokens: 41 } }),
        w.speedWords(timing),
        w.speedWords({ first: undefined, last: undefined, pieces: 0 }),
        // A rate of one token is none: llama-server divides by nearly nothing.
        w.speedWords({ first: 0.5, last: 0.5, pieces: 1 }, { timings: { predicted_per_second: 1e6, predicted_n: 1 } }),
        w.endWords({ finish: 'stop', tools: false }, false), w.endWords({ finish: 'stop', tools: false }, true),
        w.endWords({ finish: '', tools: false }, false), w.endWords({ finish: 'odd', tools: false }, false),
        w.endWords({ finish: 'tool_calls', tools: true }, true),
        w.stateWords({ state: 'odd', kind: 'specialist' }),
      ].map((words) => words.replaceAll('\u00a0', ' '));
    });
    assert.deepEqual(said, [
      '0 %', '< 1 %', '93 %', '> 99 %', '100 %',
      '38 tokens/s · first after 0.50 s · 80 tokens',
      'about 20 tokens/s · first after 0.50 s · 41 tokens',
      'about 40 tokens/s · first after 0.50 s',
      '',
      'first after 0.50 s · 1 token',
      '', 'The answer is empty.', 'The server did not say why the answer ended.', 'It ended for a reason that this page does not know: odd.',
      'The model wants to call a tool, which this page has none of.',
      'odd',
    ]);
  });

  await stage.scene('an answer as blocks', async () => {
    const drawn = await inPage(async () => {
      const { parseBlocks, parseInline } = await import('./markup.js');
      const plain = (text) => parseBlocks(text).map((block) => (block.type === 'list' ? block.items.map(({ indent, ordered, number, text: words }) => [indent, ordered, number, words]) : [block.type, block.text, block.info ?? '']));
      return [
        plain('One\ntwo\n\nthree'),
        plain('Look:\n- a\n- b\n  more\n\n- c\n\nend'),
        plain('3. x\n4) y'),
        plain('  ```js title\n  a\n    b\n  ```\nafter'),
        plain('~~~~\n```\n~~~\n~~~~'),
        plain('```a`b\n```'),
        plain('-no list\n1.no list\n2024.'),
        parseInline('a `b` ``c ` d`` `open'),
        parseInline('`` ` ``'),
      ];
    });
    assert.deepEqual(drawn, [
      [['text', 'One\ntwo', ''], ['text', 'three', '']],
      [['text', 'Look:', ''], [[0, false, 0, 'a'], [0, false, 0, 'b\nmore'], [0, false, 0, 'c']], ['text', 'end', '']],
      [[[0, true, 3, 'x'], [0, true, 4, 'y']]],
      [['code', 'a\n  b', 'js title'], ['text', 'after', '']],
      [['code', '```\n~~~', '']],
      [['text', '```a`b', ''], ['code', '', '']],
      [['text', '-no list\n1.no list\n2024.', '']],
      [{ code: false, text: 'a ' }, { code: true, text: 'b' }, { code: false, text: ' ' }, { code: true, text: 'c ` d' }, { code: false, text: ' `open' }],
      [{ code: true, text: '`' }],
    ]);
  });

  // Whatever pieces it comes in, an answer looks as if it had come at once.
  await stage.scene('an answer in any pieces', async () => {
    const bad = await inPage(async () => {
      const { GrowingText } = await import('./markup.js');
      const words = ['a', 'word ', '\n', '\n\n', '- ', '  - ', '1. ', '2. ', '`', '``', '```', '~~~', '```js\n', '    ', '\r\n', '<b>', '*', '#'];
      let state = 7;  // a seed: the same texts each time
      const next = (n) => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return Math.floor((state / 2 ** 32) * n);
      };
      for (let i = 0; i < 400; ++i) {
        const pieces = Array.from({ length: 1 + next(40) }, () => words[next(words.length)]);
        const grown = document.createElement('div');
        const growing = new GrowingText(grown);
        let text = '';
        for (const piece of pieces) growing.show((text += piece));
        growing.show(`${text}\n`);
        const whole = document.createElement('div');
        new GrowingText(whole).show(`${text}\n`);
        if (grown.innerHTML !== whole.innerHTML) return [text, grown.innerHTML, whole.innerHTML];
      }
      return null;
    });
    assert.equal(bad, null);
  });

  await stage.scene('long answers of one sign', async () => {
    const slow = await inPage(async () => {
      const { GrowingText } = await import('./markup.js');
      const n = 100_000;
      const texts = { '`': '`', '` ': '` ', 'mixed ticks': '`a``b```c', '- ': '- ', '-\\n': '- x\n', '  -': '  - x\n', '\\n': '\n', '>': '>', ' ': ' ', '~~~': '~~~\n', digits: '1', space_tick: '   `' };
      return Object.entries(texts).map(([name, piece]) => {
        const start = performance.now();
        new GrowingText(document.createElement('div')).show(piece.repeat(n / piece.length));
        return [name, performance.now() - start];
      }).filter(([, ms]) => ms > 2000);
    });
    assert.deepEqual(slow, []);
  });
}
