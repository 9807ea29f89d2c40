// What the page asks of its server, in OpenAI's protocol with the college's additions:
//   GET  v1/models             data[].coe: {kind, state, about, error}
//   POST v1/chat/completions   x-coe-model: who answers; x-coe-choice: why, when the college chose
// Addresses are relative, so that the page also works below a path of another server.

// `kind` is one of
//   unreachable  nobody answers
//   key          the server wants an API key, or another one
//   refused      an error before the answer began
//   broken       an error in the middle of it
//   cut          the connection ended before the answer did
//   garbled      what came is not the protocol
export class AskError extends Error {
  constructor(kind, message, { status = 0, code = '' } = {}) {
    super(message);
    this.kind = kind;
    this.status = status;
    this.code = code;
  }
}

const authorization = (key) => (key ? { Authorization: `Bearer ${key}` } : {});
const text = (value) => (typeof value === 'string' ? value : '');

async function send(path, options) {
  try {
    return await fetch(path, { cache: 'no-store', ...options });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new AskError('unreachable', 'The server cannot be reached.');
  }
}

// The error that a response with a status of 400 or more tells of. Its body is JSON, unless somebody else wrote it.
async function refusal(response) {
  let said = null;
  try {
    said = JSON.parse(await response.text()).error;
  } catch (error) {
    if (error.name === 'AbortError') throw error;
  }
  const message = text(said) || text(said?.message);
  const kind = response.status === 401 ? 'key' : 'refused';
  return new AskError(kind, message, { status: response.status, code: String(said?.code ?? '') });
}

// Returns [{id, kind, state, about, error}]. Errors: AskError unreachable, key, refused, garbled.
export async function listModels(key) {
  const response = await send('v1/models', { headers: authorization(key) });
  if (!response.ok) throw await refusal(response);
  let body = null;
  try {
    body = await response.json();
  } catch {
    // Said below: no list.
  }
  if (!Array.isArray(body?.data)) throw new AskError('garbled', 'The server sent no list of models.');
  return body.data.filter((model) => text(model?.id)).map((model) => ({
    id: model.id,
    kind: text(model.coe?.kind),
    state: text(model.coe?.state),
    about: text(model.coe?.about),
    error: text(model.coe?.error),
  }));
}

// Server-sent events, fed in pieces that end anywhere: returns the data of those that are complete. Source: HTML
// standard, section 9.2.6. Comments, which keep a connection alive, are passed over.
export class EventReader {
  #rest = '';
  #data = [];

  take(piece) {
    const events = [];
    // A carriage return at the end may be half of a line's end.
    const all = this.#rest + piece;
    const usable = all.endsWith('\r') ? all.length - 1 : all.length;
    const lines = all.slice(0, usable).split(/\r\n|\n|\r/);
    this.#rest = lines.pop() + all.slice(usable);
    for (const line of lines) {
      if (line === '') {
        if (this.#data.length > 0) events.push(this.#data.join('\n'));
        this.#data = [];
      } else if (line.startsWith('data:')) {
        this.#data.push(line.slice(line[5] === ' ' ? 6 : 5));
      }
    }
    return events;
  }
}

// The college's reason, or null when the header is none that we know.
export function readChoice(header) {
  try {
    const { chosen, unsure, stayed, ms, scores } = JSON.parse(header);
    if (typeof chosen !== 'string' || typeof scores !== 'object' || scores === null) return null;
    const known = Object.entries(scores).filter(([, score]) => Number.isFinite(score));
    known.sort((a, b) => b[1] - a[1]);
    return { chosen, unsure: unsure === true, stayed: stayed === true, ms: Number.isFinite(ms) ? ms : null, scores: known };
  } catch {
    return null;
  }
}

// Takes one event into `end`, and hands its texts on.
function takeEvent(data, end, on) {
  let chunk = null;
  try {
    chunk = JSON.parse(data);
  } catch {
    throw new AskError('garbled', 'The server sent a piece of an answer that cannot be read.');
  }
  if (chunk?.error !== undefined && chunk.error !== null)
    throw new AskError('broken', text(chunk.error) || text(chunk.error.message), { code: String(chunk.error.code ?? '') });
  end.timings = chunk?.timings ?? end.timings;
  end.usage = chunk?.usage ?? end.usage;
  const choice = chunk?.choices?.[0];
  if (!choice) return;
  // Two names are in use: llama-server's, and that of Ollama and newer vLLM.
  const thinking = text(choice.delta?.reasoning_content) || text(choice.delta?.reasoning);
  if (thinking) on.thinking(thinking);
  if (text(choice.delta?.content)) on.text(choice.delta.content);
  if (Array.isArray(choice.delta?.tool_calls)) end.tools = true;
  if (choice.finish_reason) end.finish = String(choice.finish_reason);
}

// Asks, and streams the answer: on.head({model, choice, choiceUnread}), then on.thinking(piece) and on.text(piece).
// Returns {finish, timings, usage, tools} once the answer is complete. Errors: AskError; AbortError when `signal` says so.
export async function ask({ model, messages, thinking, key, signal }, on) {
  const response = await send('v1/chat/completions', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...authorization(key) },
    body: JSON.stringify({
      model,
      messages,
      stream: true,
      stream_options: { include_usage: true },
      chat_template_kwargs: { enable_thinking: thinking },
    }),
    signal,
  });
  if (!response.ok) throw await refusal(response);
  const choice = response.headers.get('x-coe-choice');
  const read = choice === null ? null : readChoice(choice);
  on.head({ model: response.headers.get('x-coe-model') ?? '', choice: read, choiceUnread: choice !== null && read === null });
  return readAnswer(response.body.getReader(), on);
}

async function readAnswer(stream, on) {
  const end = { finish: '', timings: null, usage: null, tools: false };
  const decoder = new TextDecoder();
  const events = new EventReader();
  try {
    for (;;) {
      const { value, done } = await stream.read();
      if (done) throw new AskError('cut', '');
      for (const data of events.take(decoder.decode(value, { stream: true }))) {
        if (data.trim() === '[DONE]') return end;
        takeEvent(data, end, on);
      }
    }
  } catch (error) {
    if (error.name === 'AbortError' || error instanceof AskError) throw error;
    throw new AskError('cut', '');
  } finally {
    // What is left of the connection is of no more use; the server may stop its work.
    stream.cancel().catch(() => {});
  }
}
