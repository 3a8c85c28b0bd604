// A machine whose power is cut, that is rebooted in the middle, whose clock jumps and that runs out of
// memory. Debian's kernel and the Debian package, without systemd: only the machine is of interest.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FAULT_INIT, inNamespaces } from './fault-boot.mjs';
import { NamespaceMachine } from './fault-namespace.mjs';
import { folder, follow, makeDisk, makeInitrd, note, run, startMachine } from './machine.mjs';
import { makePackageSystem } from './package.mjs';
import { VolatileDisk } from './volatile-disk.mjs';

const ACTS = ['format', 'software', 'instance', 'report', 'collect'];
const isFull = process.env.CAMPAIGN === 'full';
const CUTS = isFull ? 60 : 10;
const REBOOTS = isFull ? 10 : 3;
/** Emulated, and beside other work. */
const BOOT_MS = 20 * 60_000;
/** A cut comes at any moment of so much work. */
const LONGEST_ACT_MS = 40_000;

/** mulberry32 */
function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The package is unpacked, and the node made, here, where a processor is as fast as it can be. */
export async function makeFaultsSystem(options) {
  const made = await makePackageSystem({ ...options, entry: 'faults.ts' });
  note('installing the package');
  run('chroot', [made.system, 'apt-get', 'install', '-y', '/root/slapos-node.deb']);
  note('making a node');
  const guest = readFileSync(join(made.system, 'opt', 'vm', 'guest.js'));
  const said = run('unshare', inNamespaces(made.system, guest, { act: 'prepare' }));
  if (!/^ok /m.test(said)) throw new Error(`no node could be made: ${said}`);
  return { ...made, guest };
}

/** What a machine told the outside before its end. */
class Record {
  /** Number, and when the guest said that the proxy had answered. */
  acknowledged = [];
  rows = 0;
  put = [];
  posted = [];
  lastMs = 0;

  hear(line) {
    const [word, value, ms] = line.split(' ');
    if (word === 'ack') {
      this.lastMs = Number(ms);
      this.acknowledged.push([Number(value), this.lastMs]);
    } else if (word === 'rows') this.rows = Number(value);
    else if (word === 'put') this.put.push(value);
    else if (word === 'posted') this.posted.push(value);
  }
}

/** A machine under emulation, with a disk that has a volatile cache. */
class EmulatedMachine {
  #parts;
  #random;
  #place = mkdtempSync(join(tmpdir(), 'slapos-vm-'));
  #disk;
  #machine;

  constructor(parts, random) {
    this.#parts = parts;
    this.#random = random;
  }

  async make() {
    const image = makeDisk(this.#parts.system, this.#parts.diskSize);
    this.#disk = new VolatileDisk(image, join(this.#place, 'disk'));
    await this.#disk.listen();
  }

  start(order) {
    const { guest, kernel, system } = this.#parts;
    const initrd = makeInitrd(kernel, join(system, 'bin', 'busybox'), {
      start: '/run/vm/init',
      files: { init: FAULT_INIT, 'guest.js': guest, 'order.json': JSON.stringify(order) },
    });
    const drive = `file=nbd+unix:///?socket=${join(this.#place, 'disk')},cache=writeback`;
    this.#machine = startMachine({ kernel, drive, initrd }, { extra: ['-no-reboot'] });
    return this.#machine;
  }

  cut() {
    this.#machine.kill('SIGKILL');
  }

  ended() {
    this.#disk.cut(this.#random);
    const { blocks, kept } = this.#disk.lost;
    if (blocks > 0) note(`the disk lost ${blocks - kept} of ${blocks} blocks in its cache`);
  }

  close() {
    this.#disk.close();
    rmSync(this.#place, { recursive: true });
  }
}

/** Tells the machine what to do, boot by boot, and remembers what it says. */
class Player {
  #machine;
  #random;
  #record = new Record();
  total = { passed: 0, failed: 0 };

  constructor(machine, random) {
    this.#machine = machine;
    this.#random = random;
  }

  async play(order) {
    const cutAfterMs = Math.floor(this.#random() * LONGEST_ACT_MS);
    note(
      `boot: ${JSON.stringify(order)}${order.end === 'cut' ? `, cut after ${cutAfterMs} ms` : ''}`,
    );
    const machine = this.#machine.start({ ...order, expected: this.#record });
    let isCut = false;
    let timer;
    const cut = () => {
      isCut = true;
      this.#machine.cut();
    };
    const result = await follow(machine, BOOT_MS, (line) => {
      this.#record.hear(line);
      if (line.startsWith('began') && order.end === 'cut') timer = setTimeout(cut, cutAfterMs);
    });
    clearTimeout(timer);
    this.#machine.ended();
    const isOver = result.isComplete || isCut || order.end === 'reboot';
    this.total.passed += result.passed;
    this.total.failed += result.failed + (isOver ? 0 : 1);
    if (!isOver) note(`the machine ended in ${order.act}; its console is build/vm/console.log`);
  }
}

/** In which order the machine meets what. */
function planBoots(random, parts) {
  const boots = [];
  const end = (count, how) => {
    for (let index = 0; index < count; index += 1) {
      const act = ACTS[index % ACTS.length];
      boots.push({ act, end: how, afterMs: Math.floor(random() * LONGEST_ACT_MS) });
    }
  };
  if (parts.includes('cuts')) end(CUTS, 'cut');
  if (parts.includes('reboots')) end(REBOOTS, 'reboot');
  if (parts.includes('clock')) boots.push({ act: 'clock' });
  if (parts.includes('memory')) boots.push({ act: 'memory' });
  return [...boots, { act: 'nothing' }];
}

/** @returns how many checks passed and failed */
export async function playFaults({ native: isNative, part, seed, ...parts }) {
  const random = seeded(Number(seed));
  note(`seed ${seed}, ${part.join(' ')}${isNative ? ', in namespaces' : ''}`);
  rmSync(join(folder, 'console.log'), { force: true });
  const machine = isNative ? new NamespaceMachine(parts) : new EmulatedMachine(parts, random);
  await machine.make();
  const player = new Player(machine, random);
  try {
    for (const [index, order] of planBoots(random, part).entries()) {
      await player.play({ ...order, isFirst: index === 0 });
    }
  } finally {
    machine.close();
  }
  return player.total;
}
