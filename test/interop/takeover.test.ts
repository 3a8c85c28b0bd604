/** A node that upstream formatted and runs is taken over as docs/takeover.md says, and given back. */

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  copyInteropRelease,
  createInteropBridge,
  findInteropPython,
  removeInteropBridge,
} from '../support/interop-release.ts';
import { RealNode, type Side } from '../support/real-node.ts';
import { until } from '../support/supervisor-run.ts';

const peer = findInteropPython();
const python = 'python' in peer ? peer.python : '';
const note = 'reason' in peer ? ` [skipped: ${peer.reason}]` : '';
const PASSES = 6;
const TIMEOUT_MS = 180_000;
/** How often a service is asked while it is away. */
const ASK_MS = 10;

describe.skipIf(note !== '')(`a takeover${note}`, { timeout: TIMEOUT_MS }, () => {
  let node: RealNode;
  let address = '';

  async function converge(side: Side): Promise<void> {
    let told = '';
    for (let pass = 0; pass < PASSES; pass += 1) {
      const { status, stderr } = await node.run(side, 'node', 'instance', '--now');
      if (status === 0) return;
      told = `the last pass ended with ${status}\n${stderr}`;
    }
    throw new Error(told);
  }

  const ask = () => fetch(address).then((answer) => answer.text());
  /** Milliseconds in which the service did not answer while `work` was done. */
  async function measureDowntime(work: () => Promise<unknown>): Promise<number> {
    let [lastGood, longest, isOver] = [performance.now(), 0, false];
    const asking = (async () => {
      while (!isOver) {
        if ((await ask().catch(() => undefined)) !== undefined) {
          longest = Math.max(longest, performance.now() - lastGood);
          lastGood = performance.now();
        }
        await new Promise((done) => setTimeout(done, ASK_MS));
      }
    })();
    await work();
    await until(
      () =>
        ask().then(
          () => true,
          () => undefined,
        ),
      'the service to answer again',
    );
    isOver = true;
    await asking;
    return Math.round(longest);
  }

  const facts = () => ({
    xml: readFileSync(join(node.folder, 'slapos.xml'), 'utf8'),
    owners: ['slappart0', 'slappart1'].map((name) => statSync(node.path(name)).uid),
  });

  beforeAll(async () => {
    createInteropBridge();
    node = new RealNode({
      folder: '/srv/takeover',
      port: 5000,
      python,
      slapos: { buildout_python: python },
      slapformat: {
        partition_base_name: 'slappart',
        user_base_name: 'slapuser',
        tap_base_name: 'slaptap',
      },
      slapproxy: { peer_check: true },
    });
    const url = copyInteropRelease(join(node.folder, 'release'));
    await node.startProxy('ours');
    await node.upstream('node', 'format', '--now');
    await node.ours('supply', url, 'COMP-1');
    await node.upstream('node', 'software', '--now');
    await node.ours('request', 'front', url, '--parameters', 'greeting=hello');
    await converge('upstream');
    const info = JSON.parse(await node.ours('service', 'info', 'front'));
    address = info['connection-parameters'].url;
    expect(await ask()).toBe('front says hello to backend');
  }, TIMEOUT_MS);
  afterAll(async () => {
    await node.remove();
    removeInteropBridge();
  });

  it('is shown before, and nothing is changed by that', async () => {
    const before = [facts(), await node.listPids()];
    const text = await node.ours('node', 'doctor', '--takeover', '--cfg', node.config);
    expect(text).toContain(
      'slapos node supervisorctl shutdown && slapos node supervisord && slapos node start slappart0:',
    );
    expect([facts(), await node.listPids()]).toEqual(before);
  });

  it('keeps users, addresses and services, which are away for a moment', async () => {
    const before = facts();
    await node.ours('node', 'format', '--now');
    expect(facts().owners).toEqual(before.owners);
    const json = await node.ours('node', 'doctor', '--takeover', '--format', 'json');
    const { runningServices } = JSON.parse(json) as { runningServices: string[] };
    const downtimeMs = await measureDowntime(async () => {
      await node.ours('node', 'supervisorctl', 'shutdown');
      await node.ours('node', 'supervisord');
      await node.ours('node', 'start', ...runningServices);
    });
    console.info(`takeover: the service was away for ${downtimeMs} ms`);
    expect(await ask()).toBe('front says hello to backend');
    await converge('ours');
    expect(await ask()).toBe('front says hello to backend');
    expect(await node.ours('node', 'doctor', '--takeover')).toContain('ours already');
  });

  it('goes back', async () => {
    const running = (await node.run('ours', 'node', 'status')).stdout.matchAll(
      /^(\S+:\S+) +RUNNING/gm,
    );
    const runningServices = [...running].map(([, name = '']) => name);
    const downtimeMs = await measureDowntime(async () => {
      await node.ours('node', 'supervisorctl', 'shutdown');
      await node.upstream('node', 'supervisord');
      await node.upstream('node', 'start', ...runningServices);
    });
    console.info(`back: the service was away for ${downtimeMs} ms`);
    await node.upstream('node', 'format', '--now');
    await node.upstream('node', 'software', '--now');
    await converge('upstream');
    expect(await ask()).toBe('front says hello to backend');
  });
});
