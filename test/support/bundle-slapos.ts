import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

/**
 * Bundles a program into one file, so that tests run the sources as they are now.
 * @param source relative to the root of the project
 */
export async function bundleProgram(source: string): Promise<{
  readonly folder: string;
  readonly program: string;
}> {
  const folder = mkdtempSync(join(tmpdir(), 'slapos-program-'));
  const program = join(folder, 'slapos.cjs');
  await build({
    entryPoints: [join(import.meta.dirname, '../..', source)],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external: ['better-sqlite3'],
    loader: { '.sql': 'text', '.html': 'text', '.css': 'text' },
    supported: { 'dynamic-import': false },
    logLevel: 'error',
  });
  return { folder, program };
}
