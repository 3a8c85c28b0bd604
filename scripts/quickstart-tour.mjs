#!/usr/bin/env node
// The main job of a node, step by step, by the commands that an operator types. Each step shows
// evidence taken from the system itself. Started by quickstart.mjs.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tour } from './quickstart-run.mjs';
import { isolatedSteps, unprivilegedSteps } from './quickstart-steps.mjs';

const isKept = process.argv.includes('--keep');
const isUnprivileged = process.argv.includes('--unprivileged');
const base = isUnprivileged ? mkdtempSync(join(tmpdir(), 'slapos-quickstart-')) : '/srv';
const tour = new Tour(base);
const clean = async () => {
  await tour.stop();
  if (isUnprivileged) rmSync(base, { recursive: true, force: true });
};
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => void clean().finally(() => process.exit(130)));
}

const isDone = await tour.run(isUnprivileged ? unprivilegedSteps : isolatedSteps);
if (isDone) {
  tour.say('');
  tour.say(
    `All of it worked, in ${tour.seconds()} s. Where to look next: README.md, docs/, slapos --help.`,
  );
}
if (isKept) {
  tour.say('');
  tour.say(`Kept running. Another terminal can look inside: ${tour.enterCommand(isUnprivileged)}`);
  tour.say(
    `  export SLAPOS_CONFIGURATION=${tour.config} SLAPOS_CLIENT_CONFIGURATION=${tour.config}`,
  );
  tour.say(`  ${tour.slapos} node status`);
  tour.say(
    `The local Master answers on ${tour.masterUrl}. Press Ctrl-C to end and remove everything.`,
  );
  await new Promise(() => setInterval(() => {}, 1 << 30));
}
await clean();
process.exit(isDone ? 0 : 1);
