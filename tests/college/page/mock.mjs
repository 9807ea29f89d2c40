// What the page and clients talk to in tests: `coe serve` as its interface says, without a model. It answers like a
// college of six, some of which are in trouble, and keeps what it was asked.
//   node mock.mjs [--port N] [--key KEY] [--empty] [--only MODEL]
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const PAGE = fileURLToPath(new URL('../../../src/coe/college/page/', import.meta.url));
// Held to kPagePolicy of page_files.h by page_test.cc.
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };

const MODELS = [
  { id: 'college', kind: 'college', about: 'the right one for each question' },
  { id: 'web', kind: 'specialist', state: 'ready', about: 'HTML, CSS and components' },
  { id: 'prose', kind: 'specialist', state: 'ready', about: 'letters, stories and summaries' },
  { id: 'maths', kind: 'specialist', state: 'stopped', about: 'algebra, calculus and proofs' },
  { id: 'history', kind: 'specialist', state: 'ready', about: 'dates, sources and persons' },
  { id: 'law', kind: 'specialist', state: 'failed', about: 'contracts and statutes', error: 'error loading model: tensor data is not within the file bounds' },
  { id: 'far-away', kind: 'specialist', state: 'remote', about: 'another server on the network' },
  { id: 'general', kind: 'parent', state: 'ready', about: 'the whole model, for everything else' },
];

const WEB = `A box is centred in both directions by a grid of one cell.

1. Make the container a grid.
2. Let \`place-items: center\` do the rest:

\`\`\`css
.stage {
  display: grid;
  place-items: center;
  min-height: 100dvh;  /* and not 100vh, which on phones is as high as without the address bar */
}
\`\`\`

What speaks for it:
- no width of the box has to be known,
- it works for text as well as for pictures, and
  - also for several boxes, one below the other.

Browsers have had it since 2017.`;
const PROSE = `The harbour lay still under a thin fog, and the gulls had not yet begun their quarrel over the nets.

Maren counted the boats twice. There were eleven, as there had been the evening before, and yet the water beside the mole seemed wider than it should be.`;
const MATHS = 'Integrating by parts twice gives `∫ x² eˣ dx = (x² − 2x + 2) eˣ + C`.';
export const HOSTILE = `<img src=x onerror="window.pwned = 1"> <script>window.pwned = 2</script>
<svg onload="window.pwned = 3"></svg>

- <iframe srcdoc="<script>parent.pwned = 4</script>"></iframe>
- [a link](javascript:window.pwned=5) and \`<b onmouseover="window.pwned=6">code</b>\`

\`\`\`html "><img src=x onerror=window.pwned=7>
</code></pre><script>window.pwned = 8</script>
\`\`\``;
const LONG = Array.from({ length: 400 }, (_, i) => `Line ${i + 1} of a long answer that somebody will stop.\n`).join('');
const THOUGHTS = 'The question is about layout. A grid with one cell is the shortest answer; flexbox needs two lines more.';

const ANSWERS = { web: WEB, prose: PROSE, maths: MATHS, history: 'The treaty was signed in 1648, after five years of talks in two towns, and it', general: PROSE };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const error = (message, type, code) => ({ error: { message, type, code, param: null } });

// Which specialist, with scores that add up to one.
function choose(question, last) {
  const scores = { web: 0.04, prose: 0.04, maths: 0.02, history: 0.02, law: 0.01 };
  const words = { web: /css|html|box|page/i, prose: /story|letter|poem/i, maths: /integral|integrate|sum/i, history: /treaty|king/i, law: /contract|clause/i };
  const known = Object.keys(words).find((name) => words[name].test(question));
  if (!known && last) return { model: last, choice: { chosen: last, unsure: false, stayed: true, ms: 0.3, scores } };
  if (!known) return { model: 'general', choice: { chosen: 'web', unsure: true, stayed: false, ms: 0.4, scores: { ...scores, web: 0.41, prose: 0.37, history: 0.14 } } };
  return { model: known, choice: { chosen: known, unsure: false, stayed: false, ms: 0.4, scores: { ...scores, [known]: 0.91 } } };
}

class Mock {
  requests = [];  // {path, headers, body, aborted, finished}
  #options;
  #models;
  #last = '';
  #server;

  constructor(options) {
    this.#options = { key: '', empty: false, only: '', pace: 12, cold: 1500, ...options };
    const { empty, only } = this.#options;
    this.#models = structuredClone(MODELS).filter(({ id }) => !empty && (!only || id === only));
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((problem) => {
        response.destroy();
        console.error(problem);
      });
    });
  }

  async listen(port = 0) {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.url = `http://127.0.0.1:${this.#server.address().port}/`;
    return this;
  }

  async close() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request, response) {
    request.socket.setNoDelay(true);
    const path = new URL(request.url, this.url).pathname;
    if (!path.startsWith('/v1/')) return this.#file(path, response);
    const record = { path, headers: request.headers, body: null, aborted: false, finished: false };
    this.requests.push(record);
    response.on('close', () => (record.aborted = !record.finished));
    let bytes = '';
    for await (const piece of request.setEncoding('utf8')) bytes += piece;
    const send = (status, body, headers = {}) => {
      record.finished = true;
      response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
    };
    if (this.#options.key && request.headers.authorization !== `Bearer ${this.#options.key}`)
      return send(401, error('Incorrect API key provided.', 'invalid_request_error', 'invalid_api_key'));
    if (path === '/v1/models') return send(200, this.#list());
    try {
      record.body = JSON.parse(bytes);
    } catch {
      return send(400, error('The request is no JSON.', 'invalid_request_error', 'invalid_json'));
    }
    if (path === '/v1/chat/completions') return this.#chat(record, response, send);
    if (path === '/v1/completions') return this.#complete(record, response, send);
    return send(404, error(`There is nothing at ${path}.`, 'invalid_request_error', 'not_found'));
  }

  #file(path, response) {
    const name = path === '/' ? 'index.html' : path.slice(1);
    if (!TYPES[extname(name)] || !readdirSync(PAGE).includes(name)) return response.writeHead(404, { 'Content-Type': 'application/json' }).end(JSON.stringify(error('There is nothing here.', 'invalid_request_error', 'not_found')));
    response.writeHead(200, { 'Content-Type': TYPES[extname(name)], 'Content-Security-Policy': POLICY, 'X-Content-Type-Options': 'nosniff' });
    return response.end(readFileSync(PAGE + name));
  }

  #list() {
    return { object: 'list', data: this.#models.map(({ id, ...coe }) => ({ id, object: 'model', created: 0, owned_by: 'coe', coe })) };
  }

  // Sends what stands before an answer, or an error. Returns the model, or null after an error.
  async #begin(record, send) {
    const { body } = record;
    const model = this.#models.find(({ id }) => id === body.model);
    if (!model) {
      send(404, error(`The model \`${body.model}\` does not exist. There are: ${this.#models.map(({ id }) => id).join(', ')}.`, 'invalid_request_error', 'model_not_found'));
      return null;
    }
    const question = String(body.messages?.at(-1)?.content ?? body.prompt ?? '');
    const headers = { 'x-coe-model': model.id };
    let answers = model;
    if (model.kind === 'college') {
      const { model: name, choice } = choose(question, body.messages?.length > 1 ? this.#last : '');
      answers = this.#models.find(({ id }) => id === name);
      Object.assign(headers, { 'x-coe-model': name, 'x-coe-choice': JSON.stringify(choice) });
      this.#last = name;
    }
    if (answers.state === 'failed') {
      send(503, error(`${answers.id} does not start: ${answers.error}`, 'server_error', 'model_failed'), headers);
      return null;
    }
    if (answers.state === 'stopped') {
      answers.state = 'starting';
      await sleep(this.#options.cold);
      answers.state = 'ready';
    }
    return { answers, headers, question };
  }

  async #chat(record, response, send) {
    const begun = await this.#begin(record, send);
    if (!begun) return;
    const { answers, headers, question } = begun;
    const { body } = record;
    const id = { id: 'chatcmpl-1', created: 0, model: answers.id };
    const text = /^test: hostile/.test(question) ? HOSTILE : /^test: long/.test(question) ? LONG : ANSWERS[answers.id] ?? PROSE;
    const calls = body.tools?.length > 0 && body.tool_choice !== 'none'
      ? [{ index: 0, id: 'call_1', type: 'function', function: { name: body.tools[0].function.name, arguments: '{"city":"Oslo"}' } }] : null;
    const usage = { prompt_tokens: 12, completion_tokens: 40, total_tokens: 52 };
    if (!body.stream) {
      const message = calls ? { role: 'assistant', content: null, tool_calls: calls } : { role: 'assistant', content: text };
      return send(200, { ...id, object: 'chat.completion', choices: [{ index: 0, message, finish_reason: calls ? 'tool_calls' : 'stop' }], usage }, headers);
    }
    const stream = this.#stream(record, response, headers);
    const chunk = (delta, finish_reason = null) => stream.send({ ...id, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }] });
    await chunk({ role: 'assistant', content: null });
    if (body.chat_template_kwargs?.enable_thinking) for (const piece of pieces(THOUGHTS)) await chunk({ reasoning_content: piece });
    if (calls) await chunk({ tool_calls: calls });
    else for (const piece of pieces(text)) if (!(await chunk({ content: piece }))) return;
    if (answers.id === 'history') {
      await stream.send(error('the process of history was ended by signal 9 (SIGKILL)', 'server_error', 'model_died'));
      return stream.end();
    }
    if (/^test: cut/.test(question)) return stream.end();
    if (/^test: garbled/.test(question)) await stream.raw('data: {"choices": [{"del\n\n');
    await chunk({}, calls ? 'tool_calls' : /^test: length/.test(question) ? 'length' : 'stop');
    await stream.send({ ...id, object: 'chat.completion.chunk', choices: [], usage, timings: { prompt_n: 12, prompt_per_second: 310.5, predicted_n: 40, predicted_per_second: 38.2 } });
    await stream.raw('data: [DONE]\n\n');
    stream.end();
  }

  async #complete(record, response, send) {
    const begun = await this.#begin(record, send);
    if (!begun) return;
    const { answers, headers } = begun;
    const id = { id: 'cmpl-1', object: 'text_completion', created: 0, model: answers.id };
    const text = ' and then there was light.';
    if (!record.body.stream)
      return send(200, { ...id, choices: [{ index: 0, text, logprobs: null, finish_reason: 'stop' }], usage: { prompt_tokens: 3, completion_tokens: 6, total_tokens: 9 } }, headers);
    const stream = this.#stream(record, response, headers);
    for (const piece of pieces(text)) await stream.send({ ...id, choices: [{ index: 0, text: piece, logprobs: null, finish_reason: null }] });
    await stream.send({ ...id, choices: [{ index: 0, text: '', logprobs: null, finish_reason: 'stop' }] });
    await stream.raw('data: [DONE]\n\n');
    stream.end();
  }

  // Each event goes out in two parts, cut within a character where one has two bytes or more: readers must put lines and
  // characters together again.
  #stream(record, response, headers) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache', ...headers });
    response.write(': keep-alive\n\n');
    const raw = async (text) => {
      const bytes = Buffer.from(text);
      const wide = bytes.findIndex((byte) => byte >= 0x80);
      const cut = wide < 0 ? Math.floor(bytes.length * 0.7) : wide + 1;
      response.write(bytes.subarray(0, cut));
      await sleep(0);
      response.write(bytes.subarray(cut));
      await sleep(this.#options.pace);
      return !response.destroyed;
    };
    return {
      raw,
      send: (event) => raw(`data: ${JSON.stringify(event)}\n\n`),
      end: () => {
        record.finished = true;
        response.end();
      },
    };
  }
}

// About as much as a token is.
const pieces = (text) => text.match(/[\s\S]{1,5}/gu) ?? [];

export const startMock = (options = {}) => new Mock(options).listen(options.port);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '8090' }, key: { type: 'string', default: '' }, empty: { type: 'boolean', default: false }, only: { type: 'string', default: '' } } });
  const mock = await startMock({ ...values, port: Number(values.port) });
  console.log(mock.url);
}
