#!/usr/bin/env node
// Tests on another kernel, in a virtual machine: Debian's cloud kernel under emulation (KVM is not
// needed), systemd, every controller of cgroup v2, reboots. The host is left as it was: the kernel
// is unpacked, not installed, and everything lies in build/vm.
//   npm run test:vm [-- --scene cgroups|package|faults] [--fresh] [--as-made] [--shell]
// cgroups: the supervisor of this tree in a unit of its own; package: the life of a node that the
// Debian package runs; faults: power cuts, reboots, jumps of the clock, want of memory (--seed S, and
// --part cuts|reboots|clock|memory; CAMPAIGN=full cuts 60 times instead of 10). --fresh makes kernel
// and root file systems anew, --as-made takes the packages of the last time, --shell has a root shell
// of the machine answer on the socket build/vm/shell.
// Needs root, qemu-system-x86_64, mmdebstrap, dpkg-deb, mke2fs; where one is missing it says so and
// skips. Not part of `npm test`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeCgroupsSystem } from './vm/cgroups.mjs';
import { makeFaultsSystem, playFaults } from './vm/faults.mjs';
import {
  fetchKernel,
  folder,
  makeDisk,
  makeInitrd,
  note,
  requireTools,
  runMachine,
} from './vm/machine.mjs';
import { makePackageSystem } from './vm/package.mjs';

const SCENES = {
  cgroups: { make: makeCgroupsSystem, limitMs: 8 * 60_000 },
  package: { make: makePackageSystem, limitMs: 30 * 60_000 },
  faults: { make: makeFaultsSystem, play: playFaults },
};

const { values } = parseArgs({
  options: {
    scene: { type: 'string' },
    fresh: { type: 'boolean', default: false },
    'as-made': { type: 'boolean', default: false },
    shell: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    native: { type: 'boolean', default: false },
    part: { type: 'string', multiple: true, default: ['cuts', 'reboots', 'clock', 'memory'] },
  },
});
/** Mounts of the scene `faults` on this kernel are its own. */
if (values.native && process.env.SLAPOS_VM_UNSHARED === undefined) {
  const words = ['--mount', '--propagation', 'private', process.execPath, ...process.argv.slice(1)];
  const env = { ...process.env, SLAPOS_VM_UNSHARED: '1' };
  process.exit(spawnSync('unshare', words, { stdio: 'inherit', env }).status ?? 1);
}
const names = values.scene === undefined ? Object.keys(SCENES) : [values.scene];
if (names.some((name) => SCENES[name] === undefined)) {
  throw new Error(`--scene is one of ${Object.keys(SCENES).join(', ')}`);
}

async function play(name, kernel) {
  note(`scene ${name}`);
  const { make, limitMs, play: playOther } = SCENES[name];
  const made = await make({ kernel, isAsMade: values['as-made'] });
  if (playOther !== undefined) return playOther({ kernel, ...made, ...values });
  const { system, diskSize } = made;
  const disk = makeDisk(system, diskSize);
  const initrd = makeInitrd(kernel, join(system, 'bin', 'busybox'));
  const result = await runMachine(kernel, disk, initrd, { limitMs, hasShell: values.shell });
  for (const path of [disk, system, initrd, join(folder, 'initrd')]) {
    rmSync(path, { recursive: true, force: true });
  }
  return result;
}

requireTools();
if (values.fresh) rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const kernel = fetchKernel();
const total = { passed: 0, failed: 0 };
for (const name of names) {
  const { passed, failed } = await play(name, kernel);
  total.passed += passed;
  total.failed += failed;
}
process.stdout.write(`\nvm: ${total.passed} passed, ${total.failed} failed, 0 skipped\n`);
process.exit(total.failed === 0 ? 0 : 1);
