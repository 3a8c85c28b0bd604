/**
 * What a node tells its Master, and how it ends, when things go well and when they do not: our node
 * and upstream's go through the same story and say the same, ours also to upstream's proxy.
 */
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createInteropBridge,
  findInteropPython,
  removeInteropBridge,
} from '../support/interop-release.ts';
import { RealNode, type Side } from '../support/real-node.ts';
import { RecordingMaster } from '../support/recording-master.ts';

const PORT = 5300;
const URL = '/srv/sayings/software.cfg';
/** Runs in the partition: does what its file `plan` says. */
const BUILDOUT = '#!/bin/sh\nmkdir -p etc/run etc/promise\n. ./plan\n';

const peer = findInteropPython();
const python = 'python' in peer ? peer.python : '';
const note = 'reason' in peer ? ` [skipped: ${peer.reason}]` : '';
const TIMEOUT_MS = 180_000;

interface Chapter {
  readonly title: string;
  /** Shell lines of the partition's next build. */
  readonly plan?: string;
  /** State to request before. */
  readonly state?: string;
  /** Mode of the partition's folder. */
  readonly mode?: number;
  readonly command: readonly string[];
}

const STORY: readonly Chapter[] = [
  { title: 'a first pass', plan: 'true', command: ['instance'] },
  {
    title: 'a build that fails with bytes that are no text',
    plan: String.raw`echo "first"; printf 'caf\303\251 \377\n'; echo "last" >&2; exit 3`,
    command: ['instance', '--force'],
  },
  {
    title: 'a promise that fails',
    plan: String.raw`printf '#!/bin/sh\necho "it'"'"'s é"; exit 1\n' > etc/promise/no; chmod 755 etc/promise/no`,
    command: ['instance', '--force'],
  },
  {
    title: 'a folder that others may read',
    plan: 'true',
    mode: 0o755,
    command: ['instance', '--force'],
  },
  { title: 'promises alone', command: ['promise'] },
  {
    title: 'a promise that takes too long',
    plan: String.raw`printf '#!/bin/sh\nexec sleep 9\n' > etc/promise/no`,
    command: ['instance', '--force', '--promise-timeout', '1'],
  },
  {
    title: 'a build that requested instances',
    plan: String.raw`rm etc/promise/no; printf 'a\n\nb\n' > .slapos-request-transaction-slappart0`,
    command: ['instance', '--force'],
  },
  { title: 'a stop by force', command: ['instance', '--force-stop'] },
  { title: 'a stop', plan: 'rm -f etc/promise/no', state: 'stopped', command: ['instance'] },
  { title: 'a stop whose build fails', plan: 'exit 1', command: ['instance', '--force'] },
  { title: 'a start', plan: 'true', state: 'started', command: ['instance'] },
  { title: 'an unknown partition', command: ['instance', '--only', 'slappart7'] },
  { title: 'a destruction', state: 'destroyed', command: ['instance'] },
  { title: 'a report', command: ['report'] },
  { title: 'a report with nothing to do', command: ['report'] },
];

const CASTS: ReadonlyArray<Readonly<Record<'node' | 'master', Side>>> = [
  { node: 'ours', master: 'ours' },
  { node: 'upstream', master: 'ours' },
  { node: 'ours', master: 'upstream' },
];

/** By chapter: status, then what was said. */
type Told = Readonly<Record<string, unknown>>;

beforeAll(() => {
  if (note === '') createInteropBridge();
});
afterAll(() => {
  if (note === '') removeInteropBridge();
});

describe.skipIf(note !== '')(`our node and upstream's${note}`, { timeout: TIMEOUT_MS }, () => {
  const told: Told[] = [];

  it.each(CASTS)('$node goes through the story with $master', async ({ node, master }) => {
    told.push(await tell(node, master));
  });

  it.each(STORY)('$title', ({ title }) => {
    const [ours, ...others] = told.map((story) => story[title]);
    expect(ours).toBeDefined();
    expect(others).toEqual([ours, ours]);
  });
});

async function tell(side: Side, proxy: Side): Promise<Told> {
  const folder = '/srv/sayings';
  const node = new RealNode({ folder, port: PORT, proxyPort: PORT + 1, python });
  const master = new RecordingMaster(`http://127.0.0.1:${PORT + 1}/`);
  await master.listen(PORT);
  await node.startProxy(proxy);
  try {
    await node.ours('node', 'format', '--now');
    installSoftware(node.softwareRoot);
    await node.ours('supply', URL, 'COMP-1');
    const told: Record<string, unknown> = {};
    for (const chapter of STORY) told[chapter.title] = await play(node, master, side, chapter);
    return told;
  } finally {
    await node.stopProxy();
    await master.close();
    await node.remove();
  }
}

async function play(node: RealNode, master: RecordingMaster, side: Side, chapter: Chapter) {
  const home = node.path('slappart0');
  chmodSync(home, chapter.mode ?? 0o750);
  if (chapter.plan !== undefined) {
    const { uid, gid } = statSync(home);
    writeFileSync(join(home, 'plan'), `${chapter.plan}\n`);
    chownSync(join(home, 'plan'), uid, gid);
  }
  const isFirst = chapter === STORY[0];
  if (isFirst || chapter.state !== undefined) {
    await node.ours('request', 'one', URL, '--state', chapter.state ?? 'started');
  }
  master.take();
  const { status } = await node.run(side, 'node', ...chapter.command, '--now');
  return { status, said: master.take() };
}

/** As if it had been built. */
function installSoftware(softwareRoot: string): void {
  const path = join(softwareRoot, createHash('md5').update(URL).digest('hex'));
  mkdirSync(join(path, 'bin'), { recursive: true });
  writeFileSync(join(path, 'instance.cfg'), '[buildout]\nparts =\n');
  writeFileSync(join(path, 'bin', 'buildout'), BUILDOUT, { mode: 0o755 });
  writeFileSync(join(path, '.completed'), 'now');
}
