#!/usr/bin/env node
// Keeps V8's compiled form of each lazily loaded bundle beside it (src/bin/load-compiled.ts): first
// of what loading compiles, then, by running `node format` on a folder of its own as an ordinary
// user could, of the functions that a run of it calls.
//   compile-cache.mjs --without-runs    the first only: what the Debian package does on the host
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import nodeModule from 'node:module';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');

/** A failure costs a few milliseconds of each later start, and nothing else. */
async function learnFromRuns() {
  const folder = mkdtempSync(join(tmpdir(), 'slapos-compile-'));
  const master = spawn(process.execPath, ['-e', MASTER], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const port = await new Promise((resolve, reject) => {
      master.stdout.once('data', (text) => resolve(Number(text)));
      master.once('exit', reject);
    });
    writeFileSync(join(folder, 'slapos.cfg'), configuration(folder, port));
    writeFileSync(join(folder, 'definition.cfg'), DEFINITION);
    const run = learn(folder, ['--input_definition_file', join(folder, 'definition.cfg')]);
    if (run.status !== 0) {
      process.stdout.write(`compile cache: a run ended with ${run.status}: ${run.stderr}`);
    }
    // Reads the state back; it ends there on a machine without IPv6.
    learn(folder, []);
  } finally {
    master.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

const MASTER = `require('node:http')
  .createServer((request, response) => request.resume().on('end', () => response.end('done')))
  .listen(0, '127.0.0.1', function () { console.log(this.address().port); });`;

/** Addresses, since the machine may have no network. */
const DEFINITION = `[computer]
address = 2001:db8::1/ffff:ffff:ffff::
${[0, 1, 2]
  .map(
    (index) => `[partition_${index}]
pathname = slappart${index}
user = ${userInfo().username}
network_interface = slaptap${index}
address = 10.0.0.${index + 1}/255.255.255.255 2001:db8::${index + 2}/ffff:ffff:ffff::
`,
  )
  .join('')}`;

function configuration(folder, port) {
  return `[slapos]
computer_id = COMP-0
master_url = http://127.0.0.1:${port}/
software_root = ${folder}/software
instance_root = ${folder}/instance
[slapformat]
interface_name = lo
partition_amount = 3
partition_base_name = slappart
user_base_name = slapuser
tap_base_name = slaptap
computer_xml = ${folder}/slapos.xml
alter_user = false
alter_network = false
`;
}

function learn(folder, options) {
  const hook = join(root, 'scripts/compile-cache-hook.cjs');
  const words = ['-q', 'node', 'format', '--now', '--cfg', join(folder, 'slapos.cfg'), ...options];
  return spawnSync(join(root, 'bin/slapos'), words, {
    env: { ...process.env, NODE_OPTIONS: `--require "${hook}"` },
    encoding: 'utf8',
    timeout: 20_000,
  });
}

// As `bin/slapos` says: V8 takes nothing that was made with other flags.
setFlagsFromString('--max-semi-space-size=8');
for (const name of readdirSync(dist, { recursive: true })) {
  if (!name.endsWith('.code.js')) continue;
  const filename = join(dist, name);
  const script = new Script(nodeModule.wrap(readFileSync(filename, 'utf8')), { filename });
  writeFileSync(filename.replace(/\.js$/, '.bin'), script.createCachedData());
}
if (!process.argv.includes('--without-runs')) await learnFromRuns();
