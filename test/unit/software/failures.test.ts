import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderBinaryEntry } from '../../../src/networkcache/entry.ts';
import { readMachine } from '../../../src/networkcache/read-machine.ts';
import { signText } from '../../../src/networkcache/signature.ts';
import { softwareHash } from '../../../src/software/release.ts';
import { type CacheServer, startCacheServer } from '../../support/cache-server.ts';
import { createSigner } from '../../support/signer.ts';
import {
  armFault,
  type Fault,
  RELEASE,
  RELEASE_PATH,
  SOFTWARE_ROOT,
  SoftwareNode,
} from '../../support/software-failures.ts';
import { renderTar } from '../../support/tar-members.ts';

type Cli = Record<string, string | boolean>;

interface Scenario {
  readonly name: string;
  readonly cli: () => Cli;
  /** What was there before. */
  readonly prepare: (node: SoftwareNode) => Promise<void>;
  readonly lastCall: string;
}

const HASH = softwareHash(RELEASE);
const signer = createSigner();
let server: CacheServer;

async function offerBinary(): Promise<void> {
  const content = [
    { name: `${HASH}/`, type: '5' },
    { name: `${HASH}/tool`, type: '0', content: 'x' },
  ];
  const archive = gzipSync(renderTar(content));
  const sha512 = createHash('sha512').update(archive).digest('hex');
  const machine = await readMachine({
    arch: process.arch,
    readText: (path) => readFile(path, 'utf8').catch(() => undefined),
    ask: async () => undefined,
  });
  if (machine === undefined) throw new Error('unknown machine');
  const text = renderBinaryEntry({
    ...{ sha512, softwareUrl: RELEASE, softwareRoot: SOFTWARE_ROOT, machine },
  });
  server.blobs.set(sha512, archive);
  server.entries.set(HASH, [[text, signText(text, signer.key)]]);
}

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a first build',
    cli: () => ({}),
    prepare: async () => {},
    lastCall: `reportAvailableSoftware ${RELEASE}`,
  },
  {
    name: 'a forced rebuild',
    cli: () => ({ force: true }),
    prepare: async (node) => void (await node.run()),
    lastCall: `reportAvailableSoftware ${RELEASE}`,
  },
  {
    name: 'a destruction',
    cli: () => ({}),
    prepare: async (node) => {
      await node.run();
      node.supply('destroyed');
    },
    lastCall: `reportDestroyedSoftware ${RELEASE}`,
  },
  {
    name: 'a garbage collection',
    cli: () => ({ garbage_collect: true }),
    prepare: async (node) => {
      await node.run();
      node.supply();
    },
    lastCall: 'getFullComputerInformation',
  },
  {
    name: 'a download that is forced',
    cli: () => ({
      'download-binary-cache-url': server.cacheUrl,
      'download-binary-dir-url': server.dirUrl,
      'signature-certificate-list': signer.certificate,
      'download-from-binary-cache-force-url-list': 'https://host/',
    }),
    prepare: async () => {},
    lastCall: `reportAvailableSoftware ${RELEASE}`,
  },
];

/** The machine as it should be, and how many moments a pass has. */
async function runUndisturbed(scenario: Scenario) {
  const node = new SoftwareNode();
  await scenario.prepare(node);
  let moments = 0;
  node.machine.gate = () => {
    moments += 1;
  };
  expect(await node.run(scenario.cli())).toBe(0);
  return { moments, snapshot: node.snapshot() };
}

async function runDisturbed(scenario: Scenario, number: number, fault: Fault) {
  const node = new SoftwareNode();
  await scenario.prepare(node);
  const point = armFault(node.machine, number, fault);
  const first = await node.run(scenario.cli());
  node.machine.gate = () => {};
  const isCompleted = node.machine.entries.has(`${RELEASE_PATH}/.completed`);
  node.master.calls.length = 0;
  // Whether the node asks for it again or not: what was to be forced is no longer.
  const { force: _done, ...again } = scenario.cli();
  const second = await node.run(isCompleted ? again : scenario.cli());
  return { node, first, second, point: point() };
}

describe.each(SCENARIOS)('each failing operation of $name', (scenario) => {
  beforeAll(async () => {
    server = await startCacheServer();
    await offerBinary();
  });
  afterAll(() => server.close());

  it.each(['error', 'kill'] as const)('is repaired by the next pass: %s', async (fault) => {
    const { moments, snapshot } = await runUndisturbed(scenario);
    expect(moments).toBeGreaterThan(5);
    for (let number = 1; number <= moments; number += 1) {
      const { node, point, second } = await runDisturbed(scenario, number, fault);
      expect(point, `moment ${number}`).toBeDefined();
      expect({ point, second, left: node.snapshot() }).toEqual({
        point,
        second: 0,
        left: snapshot,
      });
    }
  });
});

it('never says that a release is available whose folder is not complete', async () => {
  const { moments } = await runUndisturbed(SCENARIOS[0] as Scenario);
  for (let number = 1; number <= moments; number += 1) {
    const node = new SoftwareNode();
    armFault(node.machine, number, 'error');
    const code = await node.run();
    const isTold = node.master.calls.includes(`reportAvailableSoftware ${RELEASE}`);
    if (isTold) expect(node.machine.entries.has(`${RELEASE_PATH}/built`)).toBe(true);
    if (code === 0) expect(node.machine.entries.has(`${RELEASE_PATH}/.completed`)).toBe(true);
  }
});

it.each([
  ['empty', '', 0o755],
  ['not executable yet', '#!/bin/sh\n', 0o644],
])('a bootstrap script that is %s is made again', async (_, text, mode) => {
  const node = new SoftwareNode();
  node.machine.putFolder(RELEASE_PATH, { uid: 500, gid: 500 });
  node.machine.putFolder(`${RELEASE_PATH}/bin`, { uid: 500, gid: 500 });
  node.machine.put(`${RELEASE_PATH}/bin/buildout`, text, { uid: 500, gid: 500, mode });
  const commands: string[] = [];
  const { command } = node.machine;
  node.machine.command = (argv, cwd) => {
    commands.push(argv.at(-1) ?? '');
    return command(argv, cwd);
  };
  expect(await node.run()).toBe(0);
  expect(commands).toContain('bootstrap');
});
