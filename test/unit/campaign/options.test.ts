/** What the programs of `test/campaign` say of a command line that is wrong. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../../src/host/package/package-files.ts';

const SOURCES = join(packageRoot(), 'test/campaign');
const names = readdirSync(SOURCES).map((file) => basename(file, '.ts'));

let folder: string;
beforeAll(async () => {
  mkdirSync(join(packageRoot(), 'build'), { recursive: true });
  // Where packages are found.
  folder = mkdtempSync(join(packageRoot(), 'build', 'campaign-options-'));
  await build({
    entryPoints: names.map((name) => join(SOURCES, `${name}.ts`)),
    outdir: folder,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    packages: 'external',
    logLevel: 'error',
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(name: string, ...words: readonly string[]) {
  const program = join(folder, `${name}.js`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

it.each(names)('%s refuses an option that is none in one line', (name) => {
  const stderr = expect.stringMatching(new RegExp(`^${name}: Unknown option '--nothing'.*\n$`));
  expect(run(name, '--nothing')).toEqual({ status: 2, stdout: '', stderr });
});

it('a number that is none is refused so too', () => {
  const stderr = "format-kill: --kills is a whole number from 1 on, not 'many'\n";
  expect(run('format-kill', '--kills', 'many')).toEqual({ status: 2, stdout: '', stderr });
});
