#!/usr/bin/env node
// Runs one campaign of test/campaign/: `npm run campaign -- NAME [...]`, the long one with
// CAMPAIGN=full in the environment. The package must be built. Needs root.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const names = readdirSync(join(root, 'test/campaign'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3));
const [name, ...args] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  process.stderr.write(
    `usage: npm run campaign -- NAME [...]\nNAME is one of: ${names.join(', ')}\n`,
  );
  process.exit(2);
}
const outfile = join(root, 'build', 'campaign', `${name}.js`);
await build({
  entryPoints: [join(root, 'test/campaign', `${name}.ts`)],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  packages: 'external',
  logLevel: 'warning',
});
const result = spawnSync(process.execPath, [outfile, ...args], { stdio: 'inherit' });
process.exit(result.status ?? 1);
