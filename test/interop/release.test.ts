/**
 * A software release of upstream's recipes, as nearly every software of SlapOS uses them, from its
 * supply to its destruction. Its recipes speak SLAP with the Master from inside the partitions.
 * Master, node and client are each ours or upstream's.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  copyInteropRelease,
  createInteropBridge,
  describeNode,
  findInteropPython,
  removeInteropBridge,
} from '../support/interop-release.ts';
import { RealNode, type Side } from '../support/real-node.ts';

const peer = findInteropPython();
const python = 'python' in peer ? peer.python : '';
const note = 'reason' in peer ? ` [skipped: ${peer.reason}]` : '';

interface Cast {
  readonly master: Side;
  readonly node: Side;
  readonly client: Side;
}

const CASTS: readonly Cast[] = [
  { master: 'ours', node: 'ours', client: 'ours' },
  { master: 'upstream', node: 'ours', client: 'ours' },
  { master: 'ours', node: 'upstream', client: 'upstream' },
];

/** One of the legacy recipe, then plugins of slapos.toolbox. */
const PROMISES = [
  ['slappart0', 'port'],
  ['slappart0', 'web'],
  ['slappart1', 'greeted'],
] as const;

/** What each node made of it, with the same Master. */
const made: Partial<Record<Side, Readonly<Record<string, string>>>> = {};

/** Passes after which everything must be as requested. */
const PASSES = 6;
/** For a machine that does something else too. */
const TIMEOUT_MS = 180_000;

beforeAll(() => {
  if (note === '') createInteropBridge();
});
afterAll(() => {
  if (note === '') removeInteropBridge();
});

describe.skipIf(note !== '').each(CASTS)(
  `Master $master, node $node, client $client${note}`,
  { timeout: TIMEOUT_MS },
  (cast) => {
    let node: RealNode;
    let url: string;

    const onNode = (...words: readonly string[]) => node.run(cast.node, 'node', ...words, '--now');
    const client = (...words: readonly string[]) => node.run(cast.client, ...words);
    const request = (greeting: string, ...more: readonly string[]) =>
      client('request', 'front', url, '--parameters', `greeting=${greeting}`, ...more);

    /** Runs `node instance` until it has nothing to complain about. */
    async function converge(): Promise<void> {
      let told = '';
      for (let pass = 0; pass < PASSES; pass += 1) {
        const { status, stderr } = await onNode('instance');
        if (status === 0) return;
        told = `the last pass ended with ${status}\n${stderr}`;
      }
      throw new Error(`${told}\n${(await node.run('ours', 'node', 'status')).stdout}`);
    }

    async function connection(): Promise<Record<string, string>> {
      const { status, stdout, stderr } = await client('service', 'info', 'front');
      expect(status, stderr).toBe(0);
      return JSON.parse(stdout)['connection-parameters'];
    }

    beforeAll(async () => {
      const folder = `/srv/interop-${CASTS.indexOf(cast)}`;
      node = new RealNode({
        folder,
        port: 5000,
        python,
        slapos: { buildout_python: python },
        // Recipes ask as the users of their partitions.
        ...(cast.master === 'ours' ? { slapproxy: { peer_check: true } } : {}),
      });
      url = copyInteropRelease(join(folder, 'release'));
      await node.startProxy(cast.master);
    });
    afterAll(() => node.remove());

    it('takes the computer and its software', async () => {
      await node.ours('node', 'format', '--now');
      if (cast.node === 'upstream') {
        await node.upstream(
          'node',
          'format',
          '--now',
          '--alter_user=False',
          '--alter_network=False',
        );
      }
      expect((await client('supply', url, 'COMP-1')).status).toBe(0);
      const { status, stderr } = await onNode('software');
      expect(status, stderr).toBe(0);
    });

    it('instantiates it in two partitions, one of which asked for the other', async () => {
      await request('hello');
      await converge();
      expect(await connection()).toEqual({
        url: expect.stringMatching(/^http:\/\/\[2001:db8:a:/),
        secret: expect.stringMatching(/^\w{8}$/),
        token: 'token of front',
      });
      expect(node.read('slappart0', '.slapos-request-transaction-slappart0')).toBe(
        'backend\naccount\n',
      );
      if (cast.master === 'ours') made[cast.node] = describeNode(node.folder);
    });

    it('runs its services as the users of the partitions', async () => {
      const answer = await fetch((await connection())['url'] ?? '');
      expect(await answer.text()).toBe('front says hello to backend');
      const greeting = node.path('slappart1', 'var', 'greeting');
      expect(readFileSync(greeting, 'utf8')).toBe('hello');
      expect(statSync(greeting).uid).toBe(statSync(node.path('slappart1')).uid);
    });

    it('runs its promises', async () => {
      for (const [partition, title] of PROMISES) {
        expect(readResult(partition, title)).toMatchObject({ failed: false });
      }
    });

    it('lets the monitor of the instance run the promises in between', async () => {
      const folder = node.path('slappart0');
      const { uid, gid } = statSync(folder);
      const program = join(dirname(python), 'monitor.runpromise');
      const words = [
        program,
        '--partition-folder',
        folder,
        '--partition-id',
        'slappart0',
        '--force',
      ];
      const result = join(folder, '.slapgrid/promise/result/web.status.json');
      const before = statSync(result).mtimeMs;
      await promisify(execFile)(python, words, { cwd: folder, uid, gid, env: { HOME: folder } });
      expect(statSync(result).mtimeMs).toBeGreaterThan(before);
      expect(readResult('slappart0', 'web')).toMatchObject({ failed: false });
      const { status, stderr } = await onNode('promise');
      expect(status, stderr).toBe(0);
    });

    function readResult(partition: string, title: string): unknown {
      return JSON.parse(node.read(partition, `.slapgrid/promise/result/${title}.status.json`))
        .result;
    }

    it.skipIf(cast.master === 'upstream')(
      'is found as it should be by the other node',
      async () => {
        const other = cast.node === 'ours' ? 'upstream' : 'ours';
        const before = await node.listPids();
        for (const command of ['software', 'instance', 'promise', 'report']) {
          const { status, stderr } = await node.run(other, 'node', command, '--now');
          expect(status, `${command}: ${stderr}`).toBe(0);
        }
        expect(await node.listPids()).toEqual(before);
      },
    );

    it('brings a changed parameter to both', async () => {
      await request('good bye');
      await converge();
      const answer = await fetch((await connection())['url'] ?? '');
      expect(await answer.text()).toBe('front says good bye to backend');
      expect(node.read('slappart1', 'var', 'greeting')).toBe('good bye');
    });

    it('stops and destroys', async () => {
      const { url: address = '' } = await connection();
      await request('good bye', '--state', 'stopped');
      await converge();
      await expect(fetch(address)).rejects.toThrow();
      await request('good bye', '--state', 'destroyed');
      await converge();
      const { status, stderr } = await onNode('report');
      expect(status, stderr).toBe(0);
      expect(existsSync(node.path('slappart0', 'etc'))).toBe(false);
    });

    it('removes the software', async () => {
      expect((await client('remove', url, 'COMP-1')).status).toBe(0);
      const { status, stderr } = await onNode('software');
      expect(status, stderr).toBe(0);
      expect(readdirSync(node.softwareRoot).filter((name) => name !== '.log')).toEqual([]);
    });
  },
);

it.skipIf(note !== '')(`leaves the same files as upstream's node${note}`, () => {
  expect(made.ours).toEqual(made.upstream);
});
