/**
 * What the collector's daemon counts against what it was: burners, threads, forkers, parents of
 * grandchildren and of orphans, and writers under many users, each of which says by getrusage(2) what
 * it used. procfs is run without cgroups, where it cannot know of orphans, and with those of services.
 *
 *     npm run campaign -- collect-truth [--seconds 60] [--users 50]
 *
 * A slice of it unless CAMPAIGN=full or the options say otherwise. Ends with 1 when a partition is
 * off by more than 2 % and what getrusage cannot see, the last moments of each child and what a
 * worker does after it told; procfs without cgroups cuts four times of each process to
 * hundredths of a second besides. Bytes written are those that writers wrote and synced, and the pages
 * that the file system writes on their behalf.
 */
import { once } from 'node:events';
import { chownSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { openProcessReader } from '../../src/host/process/process-reader.ts';
import { isFull, print, readNumber, readOptions, runCampaign } from '../support/campaign.ts';
import { CollectDaemon } from '../support/collect-daemon.ts';
import { WAITED_KINDS, WORK_KINDS, type Work, work } from '../support/known-work.ts';
import { ServiceGroups } from '../support/service-groups.ts';

const { values } = readOptions({
  options: {
    seconds: { type: 'string', default: isFull ? '60' : '5' },
    users: { type: 'string', default: '50' },
  },
});
const [seconds, users] = [
  readNumber('seconds', values.seconds, { isWhole: false }),
  readNumber('users', values.users),
];
const ALLOWED_SHARE = 0.02;
const UNSEEN_S = { bpf: 0.01, procfs: 0.05, 'procfs, cgroups': 0.01 } as const;
type Reader = keyof typeof UNSEEN_S;
const UNSEEN_BYTES = 256 * 1024;
const CPU = 'slapos_partition_cpu_seconds_total';
const WRITTEN = 'slapos_partition_written_bytes_total';

interface Figure {
  readonly kind: string;
  readonly partition: string;
  readonly counted: number;
  readonly truth: number;
  readonly unseen: number;
}

const errorOf = ({ counted, truth }: Figure) => counted / truth - 1;
const isOff = ({ counted, truth, unseen }: Figure) =>
  !(Math.abs(counted - truth) <= truth * ALLOWED_SHARE + unseen);

/** Writers need a disk: what is written to memory is not counted as written. */
function makeFolder(daemon: CollectDaemon): string {
  const folder = join(packageRoot(), 'build', `collect-truth-${process.pid}`);
  mkdirSync(folder);
  for (let index = 0; index < users; index += 1) {
    const own = join(folder, String(index));
    mkdirSync(own, { mode: 0o700 });
    chownSync(own, daemon.uid(index), daemon.uid(index));
  }
  return folder;
}

async function measure(
  daemon: CollectDaemon,
  folder: string,
  reader: Reader,
  groups: ServiceGroups | undefined,
): Promise<Figure[]> {
  const unseenS = UNSEEN_S[reader];
  const before = { cpu: await daemon.read(CPU), written: await daemon.read(WRITTEN) };
  const kinds = reader === 'procfs' ? WAITED_KINDS : WORK_KINDS;
  const kindOf = (index: number) => kinds[index % kinds.length] ?? 'burner';
  const done: readonly Work[] = await Promise.all(
    Array.from({ length: users }, (_, index) =>
      work(
        daemon.uid(index),
        kindOf(index),
        seconds,
        join(folder, String(index), 'file'),
        groups?.make(index),
      ),
    ),
  );
  await daemon.samples(3);
  const after = { cpu: await daemon.read(CPU), written: await daemon.read(WRITTEN) };
  await Promise.all(
    done.map(async ({ child }) => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }),
  );
  return done.flatMap(({ kind, cpuS, writtenBytes }, index) => {
    const partition = `slappart${index}`;
    const grown = (what: 'cpu' | 'written') =>
      (after[what].get(partition) ?? Number.NaN) - (before[what].get(partition) ?? Number.NaN);
    const cpu = { kind, partition, counted: grown('cpu'), truth: cpuS, unseen: unseenS };
    if (kind !== 'writer') return [cpu];
    const bytes = { counted: grown('written'), truth: writtenBytes, unseen: UNSEEN_BYTES };
    return [cpu, { kind: 'written bytes', partition, ...bytes }];
  });
}

function printTable(reader: string, figures: readonly Figure[]): void {
  print(`${reader}: error in %${' '.repeat(12)}min  median     max    smallest truth`);
  for (const kind of new Set(figures.map((figure) => figure.kind))) {
    const own = figures.filter((figure) => figure.kind === kind);
    const errors = own.map(errorOf).sort((a, b) => a - b);
    const shown = [errors[0], errors[Math.floor(errors.length / 2)], errors.at(-1)];
    const cells = shown.map((error) => ((error ?? Number.NaN) * 100).toFixed(2).padStart(8));
    const least = Math.min(...own.map(({ truth }) => truth));
    const unit =
      kind === 'written bytes' ? `${(least / 1e6).toFixed(0)} MB` : `${least.toFixed(2)} s`;
    print(`  ${kind.padEnd(20)}${cells.join('')}    ${unit}`);
  }
}

/** Gives the number of figures that are off. */
async function runReader(reader: Reader): Promise<number> {
  const groups = reader === 'procfs, cgroups' ? new ServiceGroups() : undefined;
  if (groups?.mount() === false) {
    print(`${reader}: left out, no cgroup v2 can be mounted`);
    return 0;
  }
  const daemon = new CollectDaemon(users);
  const folder = makeFolder(daemon);
  try {
    await daemon.start('--interval', '1s', '--reader', reader === 'bpf' ? 'bpf' : 'procfs');
    const figures = await measure(daemon, folder, reader, groups);
    printTable(reader, figures);
    const off = figures.filter(isOff);
    for (const { kind, partition, counted, truth } of off) {
      print(`  OFF: ${partition}, ${kind}: counted ${counted}, was ${truth}`);
    }
    return off.length;
  } finally {
    await daemon.remove();
    groups?.remove();
    rmSync(folder, { recursive: true });
  }
}

async function main(): Promise<number> {
  print(`collect-truth: ${users} users, ${seconds} s`);
  const best = await openProcessReader();
  if (best.kind === 'procfs') print(`no BPF reader: ${best.reason}`);
  let off = 0;
  for (const kind of new Set([best.kind, 'procfs', 'procfs, cgroups'] as const))
    off += await runReader(kind);
  const seen = `${UNSEEN_S.bpf} s (procfs: ${UNSEEN_S.procfs} s) or ${UNSEEN_BYTES / 1024} KiB`;
  const allowed = `2 % and ${seen}`;
  print(
    off === 0 ? `Every partition is within ${allowed}.` : `${off} are off by more than ${allowed}.`,
  );
  return off === 0 ? 0 : 1;
}

runCampaign(main);
