// Compiles an answer into one HTML file. stdin: {"format": "jsx"|"vue"|"svelte", "source": "…"};
// stdout: {"html": "…"} or {"error": "…"}. The source is compiled, never run, and imports nothing
// but its framework: no file of this machine can get into the page.
import { build } from 'esbuild';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));

const formats = {
  jsx: {
    loader: 'tsx',
    id: 'root',
    allowed: /^react(\/jsx-runtime)?$|^react-dom(\/client)?$/,
    entry: `import { createElement } from 'react';
import { createRoot } from 'react-dom/client';
import App from 'answer';
createRoot(document.getElementById('root')).render(createElement(App));`,
    compile: compileJsx,
  },
  vue: {
    loader: 'ts',
    id: 'app',
    allowed: /^vue$/,
    entry: `import { createApp } from 'vue';
import App from 'answer';
createApp(App).mount('#app');`,
    compile: compileVue,
  },
  svelte: {
    loader: 'js',
    id: 'app',
    allowed: /^svelte($|\/)/,
    entry: `import { mount } from 'svelte';
import App from 'answer';
mount(App, { target: document.getElementById('app') });`,
    compile: compileSvelte,
  },
};

function compileJsx(source) {
  if (!/\bexport\s+default\b|\bas\s+default\b/.test(source)) throw new Error('no default export');
  return { code: source, css: '' };
}

async function compileVue(source) {
  const sfc = await import('vue/compiler-sfc');
  const { descriptor, errors } = sfc.parse(source, { filename: 'App.vue' });
  if (errors.length > 0) throw errors[0];
  const blocks = [descriptor.script, descriptor.scriptSetup, descriptor.template, ...descriptor.styles];
  for (const block of blocks) {
    if (block?.src) throw new Error(`a block is loaded from ${block.src}`);
    if (block?.lang && !['js', 'jsx', 'ts', 'tsx', 'html', 'css'].includes(block.lang))
      throw new Error(`lang="${block.lang}" is not known`);
  }
  if (!descriptor.script && !descriptor.scriptSetup && !descriptor.template)
    throw new Error('neither a template nor a script');
  const id = 'answer';
  const scoped = descriptor.styles.some((style) => style.scoped);
  const template = { compilerOptions: { scopeId: scoped ? `data-v-${id}` : undefined } };
  let code = 'const component = {};\n';
  if (descriptor.script || descriptor.scriptSetup) {
    const script = sfc.compileScript(descriptor, {
      id,
      inlineTemplate: Boolean(descriptor.scriptSetup),
      genDefaultAs: 'component',
      templateOptions: template,
    });
    code = script.content + '\n';
  }
  if (descriptor.template && !descriptor.scriptSetup) {
    const rendered = sfc.compileTemplate({
      id,
      source: descriptor.template.content,
      filename: 'App.vue',
      scoped,
      ...template,
    });
    if (rendered.errors.length > 0) throw rendered.errors[0];
    code += rendered.code.replace('export function render', 'function render');
    code += '\ncomponent.render = render;\n';
  }
  if (scoped) code += `component.__scopeId = 'data-v-${id}';\n`;
  code += 'export default component;\n';
  let css = '';
  for (const style of descriptor.styles) {
    const compiled = sfc.compileStyle({
      id: `data-v-${id}`,
      source: style.content,
      filename: 'App.vue',
      scoped: style.scoped,
    });
    if (compiled.errors.length > 0) throw compiled.errors[0];
    css += compiled.code + '\n';
  }
  return { code, css };
}

async function compileSvelte(source) {
  const { compile } = await import('svelte/compiler');
  const { js } = compile(source, {
    filename: 'App.svelte',
    generate: 'client',
    css: 'injected',
    dev: false,
  });
  return { code: js.code, css: '' };
}

function onlyFramework(format, code) {
  return {
    name: 'answer',
    setup(setup) {
      setup.onResolve({ filter: /./ }, (request) => {
        if (request.path === 'answer') return { path: 'App', namespace: 'answer' };
        if (request.namespace === 'answer' && !format.allowed.test(request.path))
          return { errors: [{ text: `imports ${request.path}, which is not there` }] };
        return request.namespace === 'answer' || request.importer === ''
          ? setup.resolve(request.path, { resolveDir: folder, kind: request.kind, importer: 'entry', namespace: 'entry' })
          : undefined;
      });
      setup.onLoad({ filter: /./, namespace: 'answer' }, () => ({
        contents: code,
        loader: format.loader,
        resolveDir: folder,
      }));
    },
  };
}

const page = (format, script, css) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Answer</title>
<style>${css.replaceAll('</style', '<\\/style')}</style>
</head>
<body>
<div id="${format.id}"></div>
<script type="module">
${script}
</script>
</body>
</html>
`;

const firstLine = (text) => String(text).split('\n')[0];

async function main() {
  const { format: name, source } = JSON.parse(readFileSync(0, 'utf8'));
  const format = formats[name];
  try {
    const { code, css } = await format.compile(source);
    const result = await build({
      stdin: { contents: format.entry, resolveDir: folder, sourcefile: 'entry.js' },
      plugins: [onlyFramework(format, code)],
      absWorkingDir: folder,
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      conditions: ['browser', 'production'],
      define: {
        'process.env.NODE_ENV': '"production"',
        __VUE_OPTIONS_API__: 'true',
        __VUE_PROD_DEVTOOLS__: 'false',
        __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
      },
      // Imports that nothing uses count too: what is not there is a fault wherever it stands.
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
      jsx: 'automatic',
      legalComments: 'none',
      logLevel: 'silent',
    });
    return { html: page(format, result.outputFiles[0].text, css) };
  } catch (error) {
    const problem = error.errors?.[0];
    const where = problem?.location ? ` (line ${problem.location.line})` : '';
    return { error: firstLine(problem ? problem.text + where : (error.message ?? error)) };
  }
}

process.stdout.write(JSON.stringify(await main()));
