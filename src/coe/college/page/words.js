// What the page says, as functions of what it knows: no element is touched here.

const SPACE = '\u00a0';  // no line breaks between a number and its unit

export function percent(share) {
  if (share > 0 && share < 0.01) return `<${SPACE}1${SPACE}%`;
  if (share < 1 && share > 0.99) return `>${SPACE}99${SPACE}%`;
  return `${Math.round(share * 100)}${SPACE}%`;
}

export const seconds = (s) => `${s < 10 ? s.toFixed(2) : s.toFixed(s < 100 ? 1 : 0)}${SPACE}s`;

const sized = (n) => (n < 10 ? n.toFixed(1) : Math.round(n).toString());
export const count = (n, one, many = `${one}s`) => `${n}${SPACE}${n === 1 ? one : many}`;

// The state of a model in words; one that we do not know is shown as it came.
export function stateWords(model) {
  switch (model.state) {
    case 'ready': return 'ready';
    case 'stopped': return 'starts when asked';
    case 'starting': return 'starting';
    case 'failed': return 'failed';
    case 'remote': return 'on another server';
    case '': return model.kind === 'college' ? 'chooses' : '';
    default: return model.state;
  }
}

// What a waiting person is told of a model that is not ready; '' when there is nothing to tell. `waited` in seconds.
export function waitingWords(model, waited) {
  const name = model?.id ?? 'The model';
  if (model?.state === 'starting' || model?.state === 'stopped')
    return `${name} is being started. A cold model may take a minute.`;
  if (waited < 4) return '';
  return model?.kind === 'college'
    ? 'Still waiting. If the specialist has to be started first, that may take a minute.'
    : `Still waiting for ${name}.`;
}

// Why this model answers, in a few words. `parent`: it is the parent of the specialists.
export function choiceWords(choice, answers, parent) {
  const score = choice.scores.find(([name]) => name === choice.chosen)?.[1];
  const chosen = score === undefined ? choice.chosen : `${choice.chosen}, ${percent(score)}`;
  if (choice.unsure) return `${chosen}; unsure: ${parent ? 'the parent' : answers} answers`;
  if (choice.stayed) return `${answers} goes on with its conversation`;
  return answers === choice.chosen ? chosen : `${chosen}; ${answers} answers`;
}

export function choiceTime(choice) {
  if (choice.ms === null) return '';
  return `Chosen in ${choice.ms < 1 ? choice.ms.toFixed(1) : sized(choice.ms)}${SPACE}ms.`;
}

// How fast an answer came. `timing`: {first, last} in seconds since the question, undefined where nothing came; pieces,
// how many came. The server's own count is exact; without one, pieces are nearly tokens, which "about" says.
export function speedWords(timing, end) {
  const words = [];
  const timings = end?.timings;
  const n = timings?.predicted_n ?? end?.usage?.completion_tokens;
  const span = timing.last - timing.first;
  if (Number.isFinite(timings?.predicted_per_second) && timings.predicted_n > 1)
    words.push(`${sized(timings.predicted_per_second)}${SPACE}tokens/s`);
  else if (n > 1 && span > 0) words.push(`about ${sized((n - 1) / span)}${SPACE}tokens/s`);
  else if (timing.pieces > 4 && span > 0) words.push(`about ${sized((timing.pieces - 1) / span)}${SPACE}tokens/s`);
  if (timing.first !== undefined) words.push(`first after ${seconds(timing.first)}`);
  if (Number.isFinite(n)) words.push(count(n, 'token'));
  return words.join(' · ');
}

// What is to be said of a complete answer; '' when all is well. `empty`: it has no text.
export function endWords(end, empty) {
  const words = [];
  if (empty && !end.tools) words.push('The answer is empty.');
  if (end.tools) words.push('The model wants to call a tool, which this page has none of.');
  switch (end.finish) {
    case 'stop': case 'tool_calls': case 'function_call': break;
    case 'length': words.push('Cut off: the limit on its length was reached.'); break;
    case 'content_filter': words.push('Held back by a filter of the server.'); break;
    case '': words.push('The server did not say why the answer ended.'); break;
    default: words.push(`It ended for a reason that this page does not know: ${end.finish}.`);
  }
  return words.join(' ');
}

const sentence = (text) => (/[.!?…]$/.test(text) ? text : `${text}.`);

// {title, text} of an AskError, for who was asked. What the server says stands behind a colon.
export function problemWords(error, name) {
  const said = error.message ? sentence(error.message) : '';
  const quoted = (title) => ({ title: said ? `${title}:` : `${title}.`, text: said || 'The server did not say why.' });
  switch (error.kind) {
    case 'unreachable':
      return { title: 'The server cannot be reached.', text: 'Is coe serve still running?' };
    case 'key':
      return quoted('The server wants an API key');
    case 'broken':
      return quoted(`The answer of ${name} broke off`);
    case 'cut':
      return { title: `The answer of ${name} broke off.`, text: 'The connection ended before the answer did.' };
    case 'garbled':
      return { title: `The answer of ${name} cannot be read.`, text: said };
    case 'refused': {
      const { title, text } = quoted(`${name} did not answer`);
      return { title, text: `${text} (HTTP ${error.status})` };
    }
    default:  // a fault of this page's own
      return { title: 'This page failed.', text: said || String(error) };
  }
}
