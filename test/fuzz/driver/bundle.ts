/** A program of all targets of a file, with the sources of ours and of the parsers that we use counting. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Plugin } from 'esbuild';
import { COVERAGE_BANNER, instrument } from './instrument.ts';

/** Packages that see the bytes of others before we do. */
const PARSERS = new Set(['saxes', 'ini']);

function countingSources(root: string): Plugin {
  return {
    name: 'counting-sources',
    setup(build) {
      build.onResolve({ filter: /^[a-z]/ }, async ({ importer, kind, path }) => {
        if (path.startsWith('node:') || importer === '') return { path, external: true };
        if (!PARSERS.has(path) && !/node_modules/.test(importer)) return { path, external: true };
        return build.resolve(`./node_modules/${path}`, { kind, resolveDir: root });
      });
      build.onLoad({ filter: /\.[cm]?[jt]s$/ }, ({ path }) => {
        if (path.startsWith(join(root, 'test'))) return undefined;
        const loader = path.endsWith('.ts') ? 'ts' : 'js';
        return { contents: instrument(path, readFileSync(path, 'utf8')), loader };
      });
    },
  };
}

/**
 * Bundles `targets/NAME.ts` into a worker.
 * @returns the path of the program
 */
export async function bundleTargets(root: string, file: string): Promise<string> {
  const outfile = join(root, 'build', 'fuzz', `${basename(file, '.ts')}.js`);
  const { build } = await import('esbuild');
  await build({
    stdin: {
      contents: `import { targets } from './targets/${basename(file)}';\nimport { serve } from './driver/worker.ts';\nvoid serve(targets);`,
      resolveDir: join(root, 'test', 'fuzz'),
      loader: 'ts',
    },
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    banner: { js: COVERAGE_BANNER },
    plugins: [countingSources(root)],
    sourcemap: 'inline',
    sourcesContent: false,
    logLevel: 'warning',
  });
  return outfile;
}
