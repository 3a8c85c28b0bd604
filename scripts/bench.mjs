#!/usr/bin/env node
// Runs one benchmark of bench/: `npm run bench -- NAME [--json] [...]`. It is bundled first, and
// started without NODE_EXTRA_CA_CERTS, which costs every Node start some 70 ms.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const names = readdirSync(join(root, 'bench'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3));
const [name, ...args] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  process.stderr.write(
    `usage: npm run bench -- NAME [--json]\nNAME is one of: ${names.join(', ')}\n`,
  );
  process.exit(2);
}
const outfile = join(root, 'build', 'bench', `${name}.js`);
await build({
  entryPoints: [join(root, 'bench', `${name}.ts`)],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  packages: 'external',
  logLevel: 'warning',
});
const env = { ...process.env };
delete env['NODE_EXTRA_CA_CERTS'];
const result = spawnSync(process.execPath, [outfile, ...args], { stdio: 'inherit', env });
process.exit(result.status ?? 1);
