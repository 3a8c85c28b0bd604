#!/usr/bin/env node
// Bundles each executable and each lazily loaded module of src/ into one CommonJS file under
// dist/, at the same relative path. A relative `import()` in the source is a bundle of its own, so
// that starting one command never parses another (measured in docs/benchmarks.md).
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, 'src');
const executables = [
  'bin/slapos.ts',
  'bin/load-compiled.ts',
  'bin/supervisor-controller.ts',
  'bin/supervisorctl.ts',
  'bin/supervisord.ts',
  'bin/slapos-watchdog.ts',
  'bin/promise-plugin.ts',
  'index.ts',
];

/** Makes every dynamic import of a source file external and records it as an entry point. */
function lazyBundles(found) {
  return {
    name: 'lazy-bundles',
    setup(context) {
      context.onResolve({ filter: /^\./ }, (args) => {
        if (args.kind !== 'dynamic-import') return undefined;
        const target = resolve(args.resolveDir, args.path);
        found.add(target);
        const output = join(root, 'dist', relative(source, target)).replace(/\.ts$/, '.js');
        const importer = join(
          root,
          'dist',
          relative(source, context.initialOptions.entryPoints[0]),
        );
        const path = relative(dirname(importer), output);
        return { path: path.startsWith('.') ? path : `./${path}`, external: true };
      });
    },
  };
}

/**
 * commander loads node:child_process for subcommands that are programs of their own; we have none,
 * and loading it takes longer than parsing a command line. It is loaded if ever it is used.
 */
const lazyChildProcess = {
  name: 'lazy-child-process',
  setup(context) {
    context.onResolve({ filter: /^node:child_process$/ }, (args) =>
      /node_modules.commander/.test(args.importer)
        ? { path: args.path, namespace: 'lazy-builtin' }
        : undefined,
    );
    context.onLoad({ filter: /.*/, namespace: 'lazy-builtin' }, (args) => ({
      contents: `exports.spawn = (...words) => process.getBuiltinModule('${args.path}').spawn(...words);`,
    }));
  },
};

/**
 * undici loads node:http2 for connections that we never open (allowH2 stays false), and does without
 * where there is none: loading it would take as long as the rest of undici.
 */
const withoutHttp2 = {
  name: 'without-http2',
  setup(context) {
    context.onResolve({ filter: /^node:http2$/ }, (args) =>
      /node_modules.undici/.test(args.importer)
        ? { path: args.path, namespace: 'no-builtin' }
        : undefined,
    );
    context.onLoad({ filter: /.*/, namespace: 'no-builtin' }, () => ({
      contents: 'exports.constants = {};',
    }));
  },
};

/** better-sqlite3 gets its compiled half from where this package keeps one for each Node. */
const ownSqliteAddon = {
  name: 'own-sqlite-addon',
  setup(context) {
    context.onResolve({ filter: /^bindings$/ }, (args) =>
      /node_modules.better-sqlite3/.test(args.importer)
        ? { path: args.path, namespace: 'own-addon' }
        : undefined,
    );
    context.onLoad({ filter: /.*/, namespace: 'own-addon' }, () => ({
      contents: `module.exports = require('./host/package/sqlite-addon.ts').loadSqliteAddon;`,
      resolveDir: source,
    }));
  },
};

/** What others load lazily becomes a stub and its code: `src/bin/load-compiled.ts` says why. */
async function bundle(entry, found) {
  const output = join(root, 'dist', relative(source, entry));
  const isLazy = !executables.includes(relative(source, entry));
  if (isLazy) {
    const loader = relative(dirname(output), join(root, 'dist/bin/load-compiled.js'));
    const path = loader.startsWith('.') ? loader : `./${loader}`;
    await mkdir(dirname(output), { recursive: true });
    await writeFile(
      output.replace(/\.ts$/, '.js'),
      `require('${path}').loadCompiled(module, __filename);\n`,
    );
  }
  const { metafile } = await build({
    entryPoints: [entry],
    metafile: true,
    outfile: output.replace(/\.ts$/, isLazy ? '.code.js' : '.js'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    // import() of a bundle becomes require(): the loader of ES modules costs milliseconds.
    supported: { 'dynamic-import': false },
    loader: { '.sql': 'text', '.html': 'text', '.css': 'text' },
    legalComments: 'none',
    logLevel: 'warning',
    plugins: [lazyBundles(found), lazyChildProcess, withoutHttp2, ownSqliteAddon],
  });
  return Object.keys(metafile.inputs);
}

/** Folders of the packages that files belong to, from `node_modules/` on; one may lie in another. */
function packagesOf(files) {
  const folders = files.map(
    (file) => /node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0],
  );
  return [...new Set(folders)].filter((folder) => folder !== undefined).sort();
}

const { existsSync } = await import('node:fs');
await rm(join(root, 'dist'), { recursive: true, force: true });
const found = new Set(
  executables.map((file) => join(source, file)).filter((file) => existsSync(file)),
);
const inputs = [];
for (const entry of found) inputs.push(...(await bundle(entry, found)));
const { panelInputs } = await import('./build-panel.mjs');
// For the list of licences in what is packed from this.
await mkdir(join(root, 'build'), { recursive: true });
const packages = packagesOf([...inputs, ...panelInputs]);
await writeFile(join(root, 'build', 'bundled-packages.json'), JSON.stringify(packages));
await import('./build-types.mjs');
await import('./compile-cache.mjs');
process.stdout.write(`built ${found.size} bundles in dist/\n`);
