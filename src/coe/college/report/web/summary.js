// The first screen: what this specialist is, what it costs, what it keeps and loses, and what to do next.

const VERDICTS = {
  keeps: ['kept', 'good'],
  keeps_in_part: ['kept in part', 'warn'],
  loses: ['lost', 'bad'],
  too_little_text: ['too little text to say', 'warn'],
  no_better_than_random: ['no better than random experts', 'bad'],
  worse_than_random: ['worse than random experts', 'bad'],
};
const verdictOf = (row) => VERDICTS[row.verdict] ?? [row.verdict, 'warn'];

function tile(title, big, tone, ...more) {
  return el('div', { class: 'tile' }, el('h2', { text: title }), el('p', { class: `big ${tone ?? ''}`, text: big }), more);
}
const meter = (share) => el('div', { class: 'meter', 'aria-hidden': 'true' }, el('span', { style: `width: ${Math.min(100, 100 * share).toFixed(1)}%` }));

const sumOf = (memory) => memory.weights + memory.kv_cache + memory.compute + memory.other;

function leadOf(run) {
  const shape = `${many(run.layers.length, 'layer')} of ${run.n_expert} experts`;
  if (run.kept === null) return `A routing profile of ${run.parent.name || 'a model'}: ${shape}${run.n_expert_used ? `, ${run.n_expert_used} used for each token` : ''}.`;
  return `${run.domain ? `Made for ${run.domain}. ` : ''}It keeps ${run.n_keep} of ${run.n_expert} experts in each of ${many(run.layers.length, 'layer')} of ${run.parent.name || 'its parent'}.${run.n_used ? ` It uses ${run.n_used} of these for each token, fewer than its parent.` : ''}`;
}

function sizeTile(run) {
  const { child_file: child, parent_file: parent } = run;
  if (!child) return null;
  if (!parent) return tile('File', bytesText(child.bytes), null, el('p', { text: 'The parent was not at hand to compare with.' }));
  return tile('File', `${bytesText(parent.bytes)} →\u00a0${bytesText(child.bytes)}`, null, meter(child.bytes / parent.bytes), el('p', { text: `${percent(child.bytes / parent.bytes)} of the parent${run.quantization ? `, ${run.quantization}` : ''}` }));
}

function memoryTile(run) {
  if (!run.memory) return null;
  const { contexts, child, parent } = run.memory;
  const at = Math.max(0, contexts.findLastIndex((context) => context <= 8192));
  const after = sumOf(child[at]);
  const words = `with a context of ${count(contexts[at])} tokens, predicted by ${run.memory.engine}`;
  if (!parent) return tile('Memory', bytesText(after), null, el('p', { text: words }));
  return tile('Memory', `${bytesText(sumOf(parent[at]))} →\u00a0${bytesText(after)}`, null, meter(after / sumOf(parent[at])), el('p', { text: words }));
}

// "×1.12 [1.08, 1.17]": perplexity against the parent's, and what random experts do.
function keptWords(row) {
  const words = `perplexity ×${between(row.perplexity_ratio)} of the parent's`;
  if (row.random_ratio.length === 0) return words;
  const [low, high] = d3.extent(row.random_ratio);
  return `${words}; random experts ×${number(low)}${high > low ? ` to ×${number(high)}` : ''}`;
}

function homeTile(run) {
  const own = run.evaluation?.rows.find((row) => row.own);
  if (!own) return null;
  const [words, tone] = verdictOf(own);
  return tile('At home', words, tone, el('p', { text: keptWords(own) }), el('p', { class: 'soft', text: `${many(own.n_record, 'record')}, ${many(own.n_token, 'token')} held out, 95 % intervals` }));
}

function abroadTile(run) {
  const abroad = run.evaluation?.rows.filter((row) => !row.own) ?? [];
  if (abroad.length === 0) return null;
  const groups = d3.groups(abroad, (row) => verdictOf(row)[0]);
  const worst = d3.greatest(abroad, (row) => row.perplexity_ratio[0]);
  return tile('Abroad', many(abroad.length, 'other text'), null, groups.map(([words, rows]) => el('p', { text: `${words}: ${rows.map((row) => row.name).join(', ')}` })), el('p', { class: 'soft', text: `Furthest: ${worst.name}, ${keptWords(worst)}` }));
}

function chatTile(run) {
  if (!run.chat) return null;
  const { child, words } = run.chat;
  if (child.not_run) return tile('In a chat', 'not checked', 'warn', el('p', { text: child.not_run }));
  return tile('In a chat', child.passed ? 'it answers' : 'it does not answer well', child.passed ? 'good' : 'bad', el('p', { text: words ? `Bad are ${words}.` : `${child.n_answer} of ${child.n_question} questions of its domain were answered well, thinking off` }), run.chat.parent ? el('p', { class: 'soft', text: `Bad answers of its parent to the same questions: ${run.chat.parent.n_bad}.` }) : '');
}

function proofTile(run) {
  const check = run.evaluation?.slice_check;
  if (!check) return null;
  return tile('Proof', 'passed', 'good', el('p', { text: 'The file computes what its parent does under the mask.' }), el('p', { class: 'soft', text: 'Every kept expert equals its source byte for byte; layers were compared on the same inputs.' }));
}

function nextSteps(run) {
  if (!run.use) return '';
  return el('section', { 'aria-labelledby': 'next-title', id: 'next' },
    el('h2', { id: 'next-title', text: 'What to do next' }),
    el('p', { text: 'Try it here, or put it into a folder that other programs take.' }),
    el('div', { class: 'commands' }, commandRow(run.use.chat, 'the command to chat'), commandRow(run.use.package, 'the command to package'), commandRow(run.use.folder, 'the command to enter the folder')),
    el('div', { class: 'programs' }, run.use.programs.map((use) => el('div', { class: 'tile' }, el('h3', { text: use.program }),
      el('div', { class: 'commands' }, use.commands.map((line) => commandRow(line, `a command for ${use.program}`))),
      use.note ? el('p', { class: 'soft', text: use.note.replaceAll('`', '') }) : '',
      el('p', { class: 'soft', text: `Thinking off: ${use.think_off.replaceAll('`', '')}.` })))));
}

function summary(run) {
  const tiles = [sizeTile, memoryTile, homeTile, abroadTile, healingTile, chatTile, proofTile].map((make) => make(run)).filter(Boolean);
  return [
    el('section', { id: 'summary', 'aria-labelledby': 'summary-title' },
      el('h1', { id: 'summary-title', text: run.title }),
      el('p', { class: 'lead', text: leadOf(run) }),
      tiles.length > 0 ? el('div', { class: 'tiles' }, tiles) : '',
      run.missing.length > 0 ? el('details', {}, el('summary', { text: `Not in this report: ${many(run.missing.length, 'thing')}` }), el('ul', {}, run.missing.map((text) => el('li', { text })))) : ''),
    nextSteps(run),
  ];
}
