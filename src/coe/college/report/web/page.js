// Puts the page together: the chosen run's parts, then what several runs, sweeps and benches share.

const SECTIONS = [['summary', 'Summary'], ['next', 'Next steps'], ['experts', 'Experts'], ['coverage', 'Coverage'], ['domains', 'Text'], ['kept', 'Kept and lost'], ['healing', 'Healing'], ['stability', 'Stability'], ['passes', 'Passes and swaps'], ['sizes', 'Size and memory'], ['provenance', 'Provenance'], ['compare', 'Side by side']];

function expertSection(run) {
  return el('section', { id: 'experts', 'aria-labelledby': 'experts-title' }, el('h2', { id: 'experts-title', text: 'Experts' }), new ExpertMap(run).section());
}

function show(run) {
  figures.clear();
  const parts = run ? [...summary(run), expertSection(run), coverageSection(run), domainSection(run), evaluationSection(run), healingSection(run), stabilitySection(run), swapSection(run), sizeSection(run), provenanceSection(run)] : [el('section', { id: 'summary' }, el('h1', { text: 'Benches of coe' }))];
  parts.push(compareSection(), ...report.sweeps.map(sweepSection), ...report.transfers.map(transferSection));
  document.getElementById('main').replaceChildren(...parts.filter(Boolean));
  document.title = `${run ? run.title : 'Benches'}: coe report`;
  const named = [...SECTIONS, ...report.sweeps.map((_, i) => [`sweep-${i + 1}`, 'Sweep']), ...report.transfers.map((_, i) => [`transfer-${i + 1}`, 'Transfer'])];
  document.getElementById('contents').replaceChildren(...named.filter(([id]) => document.getElementById(id)).map(([id, text]) => el('li', {}, el('a', { href: `#${id}`, text }))));
}

function chooseRun() {
  const select = document.getElementById('run');
  select.replaceChildren(...runs.map((run, i) => el('option', { value: i, text: run.name })));
  document.getElementById('run-field').hidden = runs.length < 2;
  select.addEventListener('change', () => {
    show(runs[Number(select.value)]);
    say(`Shows ${runs[Number(select.value)].name}.`);
  });
}

function chooseTheme() {
  const radios = [...document.querySelectorAll('input[name="theme"]')];
  for (const radio of radios)
    radio.addEventListener('change', () => {
      document.documentElement.dataset.theme = radio.value;
      redraw();
    });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => redraw());
}

document.getElementById('download').addEventListener('click', () => {
  const link = el('a', { download: `${runs[0]?.name ?? 'coe'}.report.json`, href: URL.createObjectURL(new Blob([JSON.stringify(report)], { type: 'application/json' })) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});
document.getElementById('print').addEventListener('click', () => print());
chooseRun();
chooseTheme();
show(runs[0]);
document.documentElement.dataset.ready = 'yes';
