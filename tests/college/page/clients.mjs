// Two clients that people have, `openai` and `ai` with `@ai-sdk/openai-compatible`, against the college: what they need
// of the protocol is there, and what they send arrives.
//   node clients.mjs                                     against the mock, which tells what it was asked
//   node clients.mjs http://127.0.0.1:8080/ college web  against a server that runs, with each of these models
// Options: --key KEY; --dead NAME, a model that does not start; --breaks NAME, one that dies in mid-answer
//          --limit SECONDS that one call may take (default 60)
// The exit status is 0 when all pass, 1, or 77 where the packages are not installed.
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { Stage, fromNpm } from './harness.mjs';
import { startMock } from './mock.mjs';

const { default: OpenAI } = await fromNpm('openai');
const { APICallError, generateText, jsonSchema, streamText, tool } = await fromNpm('ai');
const { createOpenAICompatible } = await fromNpm('@ai-sdk/openai-compatible');

const QUESTION = [{ role: 'system', content: 'Answer in one sentence.' }, { role: 'user', content: 'What is the capital of Norway?' }];
const LONG = [{ role: 'user', content: 'test: long. Count from one to five hundred in words, one number a line.' }];
const WEATHER = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
const TOOLS = [{ type: 'function', function: { name: 'weather', description: 'The weather of a city', parameters: WEATHER } }];
const MAX_TOKENS = 64;

// Fails a call that hangs, by name.
function within(seconds, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function rejected(promise, type, what) {
  const error = await promise.then(() => assert.fail(`${what}: no error`), (problem) => problem);
  assert.ok(error instanceof type, `${what}: ${error?.constructor?.name}: ${error?.message}`);
  return error;
}

// `plan`: {url, models, key, dead, breaks, limit}; `mock` is null with a real server.
async function openai(stage, plan, mock) {
  const client = new OpenAI({ baseURL: new URL('v1', plan.url).href, apiKey: plan.key || 'none', maxRetries: 0 });
  const timed = (what, promise) => within(plan.limit, what, promise);
  const received = () => mock.requests.at(-1);

  await stage.scene('openai: the list of models', async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    for (const model of plan.models) assert.ok(ids.includes(model), `${model} is in ${ids}`);
  });

  for (const model of plan.models) {
    await stage.scene(`openai: chat with ${model}`, async () => {
      const body = { model, messages: QUESTION, max_tokens: MAX_TOKENS, temperature: 0, stop: ['\n\n\n'], chat_template_kwargs: { enable_thinking: false } };
      const { data: answer, response } = await timed('chat', client.chat.completions.create(body).withResponse());
      assert.equal(answer.object, 'chat.completion');
      assert.ok(answer.choices[0].message.content.length > 0);
      assert.ok(['stop', 'length'].includes(answer.choices[0].finish_reason));
      assert.ok(answer.usage.completion_tokens > 0);
      assert.ok(response.headers.get('x-coe-model'), 'it says who answers');
      if (model === 'college') assert.equal(typeof JSON.parse(response.headers.get('x-coe-choice')).chosen, 'string');
      if (mock) assert.deepEqual(received().body, body);
    });

    await stage.scene(`openai: streamed chat with ${model}`, async () => {
      const body = { model, messages: QUESTION, max_tokens: MAX_TOKENS, stream: true, stream_options: { include_usage: true }, chat_template_kwargs: { enable_thinking: false } };
      const stream = await timed('stream', client.chat.completions.create(body));
      let text = '';
      let finish = null;
      let usage = null;
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta?.content ?? '';
        finish = chunk.choices[0]?.finish_reason ?? finish;
        usage = chunk.usage ?? usage;
      }
      assert.ok(text.length > 0);
      assert.ok(['stop', 'length'].includes(finish), `finish_reason ${finish}`);
      assert.ok(usage.completion_tokens > 0);
      if (mock) assert.deepEqual(received().body, body);
    });

    await stage.scene(`openai: tools with ${model}`, async () => {
      const body = { model, messages: QUESTION, max_tokens: MAX_TOKENS, tools: TOOLS, tool_choice: 'auto', parallel_tool_calls: false };
      const answer = await timed('tools', client.chat.completions.create(body));
      const calls = answer.choices[0].message.tool_calls ?? [];
      for (const call of calls) assert.equal(typeof JSON.parse(call.function.arguments), 'object');
      if (!mock) return;
      assert.deepEqual(received().body, body, 'every field arrives as it was sent');
      assert.equal(calls[0].function.name, 'weather');
    });

    await stage.scene(`openai: completions with ${model}`, async () => {
      const answer = await timed('completion', client.completions.create({ model, prompt: 'In the beginning', max_tokens: 8 }));
      assert.equal(answer.object, 'text_completion');
      assert.equal(typeof answer.choices[0].text, 'string');
      let text = '';
      for await (const chunk of await client.completions.create({ model, prompt: 'In the beginning', max_tokens: 8, stream: true })) text += chunk.choices[0]?.text ?? '';
      assert.ok(text.length > 0);
    });

    await stage.scene(`openai: an abort in mid-stream with ${model}`, async () => {
      const stream = await timed('stream', client.chat.completions.create({ model, messages: LONG, stream: true, max_tokens: 2000 }));
      let n = 0;
      for await (const chunk of stream) {
        assert.ok(chunk);
        if (++n === 5) stream.controller.abort();
      }
      assert.ok(n >= 5);
      if (mock) await aborted(received());
      // The server is free for the next.
      await timed('the next', client.chat.completions.create({ model, messages: QUESTION, max_tokens: 4 }));
    });
  }

  await stage.scene('openai: errors have their types', async () => {
    const error = await rejected(timed('unknown', client.chat.completions.create({ model: 'no-such-model', messages: QUESTION })), OpenAI.NotFoundError, 'an unknown model');
    assert.match(error.message, /no-such-model/);
    assert.equal(error.code, 'model_not_found');
    await rejected(timed('bad', client.post('/chat/completions', { body: Buffer.from('{"model": '), headers: { 'Content-Type': 'application/json' } })), OpenAI.BadRequestError, 'invalid JSON');
    if (plan.dead) await rejected(timed('dead', client.chat.completions.create({ model: plan.dead, messages: QUESTION })), OpenAI.InternalServerError, 'a model that does not start');
    if (plan.breaks) await rejected(timed('breaks', readAll(await client.chat.completions.create({ model: plan.breaks, messages: QUESTION, stream: true }))), OpenAI.APIError, 'a model that dies');
  });
}

// The server sees that its client has gone.
async function aborted(record) {
  for (let i = 0; i < 40 && !record.aborted; ++i) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(record.aborted, 'the server sees that the client has gone');
}

async function readAll(stream) {
  const all = [];
  for await (const chunk of stream) all.push(chunk);
  return all;
}

async function aiSdk(stage, plan, mock) {
  const provider = createOpenAICompatible({ name: 'coe', baseURL: new URL('v1', plan.url).href, apiKey: plan.key || 'none', includeUsage: true });
  const timed = (what, promise) => within(plan.limit, what, promise);
  const received = () => mock.requests.at(-1);
  // A short answer must not be spent on thinking.
  const call = (model, more = {}) => ({ model: provider.chatModel(model), messages: QUESTION.slice(1), system: QUESTION[0].content, maxOutputTokens: MAX_TOKENS, maxRetries: 0, providerOptions: { coe: { chat_template_kwargs: { enable_thinking: false } } }, ...more });
  const weather = tool({ description: 'The weather of a city', inputSchema: jsonSchema(WEATHER) });

  for (const model of plan.models) {
    await stage.scene(`ai: chat with ${model}`, async () => {
      const answer = await timed('chat', generateText(call(model)));
      assert.ok(answer.text.length > 0);
      assert.ok(['stop', 'length'].includes(answer.finishReason));
      assert.ok(answer.usage.outputTokens > 0);
      if (mock) assert.deepEqual(received().body, { model, messages: QUESTION, max_tokens: MAX_TOKENS, chat_template_kwargs: { enable_thinking: false } });
    });

    await stage.scene(`ai: streamed chat with ${model}`, async () => {
      const stream = streamText(call(model));
      let text = '';
      for await (const piece of stream.textStream) text += piece;
      assert.ok(text.length > 0);
      assert.ok(['stop', 'length'].includes(await stream.finishReason));
      assert.ok((await stream.usage).outputTokens > 0);
    });

    await stage.scene(`ai: tools with ${model}`, async () => {
      const stream = streamText(call(model, { tools: { weather }, toolChoice: mock ? { type: 'tool', toolName: 'weather' } : 'auto' }));
      const calls = await timed('tools', stream.toolCalls);
      if (!mock) return;
      assert.deepEqual(received().body.tool_choice, { type: 'function', function: { name: 'weather' } });
      assert.deepEqual(received().body.tools[0].function.parameters, WEATHER);
      assert.deepEqual(calls.map(({ toolName, input }) => [toolName, input]), [['weather', { city: 'Oslo' }]]);
    });

    await stage.scene(`ai: completions with ${model}`, async () => {
      const answer = await timed('completion', generateText({ model: provider.completionModel(model), prompt: 'In the beginning', maxOutputTokens: 8, maxRetries: 0 }));
      assert.equal(typeof answer.text, 'string');
    });

    await stage.scene(`ai: an abort in mid-stream with ${model}`, async () => {
      const controller = new AbortController();
      const stream = streamText(call(model, { messages: LONG, maxOutputTokens: 2000, abortSignal: controller.signal }));
      let n = 0;
      const kinds = new Set();
      for await (const part of stream.fullStream) {
        kinds.add(part.type);
        if (part.type === 'text-delta' && ++n === 5) controller.abort();
      }
      assert.ok(kinds.has('abort') && !kinds.has('error'), [...kinds].join(' '));
      if (mock) await aborted(received());
    });
  }

  await stage.scene('ai: errors have their types', async () => {
    const error = await rejected(timed('unknown', generateText(call('no-such-model'))), APICallError, 'an unknown model');
    assert.equal(error.statusCode, 404);
    assert.match(error.message, /no-such-model/);
    if (plan.dead) assert.ok((await rejected(timed('dead', generateText(call(plan.dead))), APICallError, 'a model that does not start')).statusCode >= 500);
    if (!plan.breaks) return;
    const parts = await timed('breaks', readAll(streamText(call(plan.breaks, { onError: () => {} })).fullStream));
    assert.ok(parts.some(({ type }) => type === 'error'), 'a model that dies is an error of the stream');
  });
}

const text = { type: 'string' };
const { values, positionals } = parseArgs({ allowPositionals: true, options: { key: text, dead: text, breaks: text, limit: text, only: text } });
const stage = new Stage({ only: values.only });
const [url, ...models] = positionals;
if (url) {
  if (models.length === 0) {
    console.error('clients.mjs: name the models to ask: clients.mjs URL MODEL...');
    process.exit(1);
  }
  const plan = { url, models, key: values.key ?? '', dead: values.dead, breaks: values.breaks, limit: Number(values.limit ?? 60) };
  await openai(stage, plan, null);
  await aiSdk(stage, plan, null);
} else {
  const mock = await startMock({ pace: 2 });
  const plan = { url: mock.url, models: ['college', 'web'], key: '', dead: 'law', breaks: 'history', limit: 20 };
  await openai(stage, plan, mock);
  await aiSdk(stage, plan, mock);
  await mock.close();
  const locked = await startMock({ key: 'sk-right', pace: 2 });
  await stage.scene('openai: the key', async () => {
    const ask = (apiKey) => new OpenAI({ baseURL: new URL('v1', locked.url).href, apiKey, maxRetries: 0 }).chat.completions.create({ model: 'web', messages: QUESTION });
    await rejected(ask('sk-wrong'), OpenAI.AuthenticationError, 'a wrong key');
    assert.equal((await ask('sk-right')).object, 'chat.completion');
  });
  await locked.close();
}
stage.end();
