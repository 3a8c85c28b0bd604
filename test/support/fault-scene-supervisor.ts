/** `node supervisord` that starts keeper, controller and services, for walks of faults. */
import { rmSync } from 'node:fs';
import { supervisorPaths } from '../../src/supervisor/layout.ts';
import { slaposCommand } from './fault-tracer.ts';
import type { FaultScene } from './fault-walk.ts';
import { InstanceNode } from './instance-node.ts';
import { keepTree } from './kept-tree.ts';

const RELEASE = 'https://host/one.cfg';
/** Services come up after the command has ended, and after a restart of the controller. */
const PATIENCE_MS = 10_000;
const LOOK_MS = 50;

export async function supervisorScene(): Promise<FaultScene> {
  const node = new InstanceNode({ partitions: 2, releases: [RELEASE] });
  await node.open();
  for (const id of node.ids) {
    node.master.wishes.set(id, { state: 'started', release: RELEASE, timestamp: '1' });
    node.plan(id, {});
  }
  const { status, stderr } = await node.run(['instance', '--force']);
  if (status !== 0) throw new Error(`instance ends with ${status}: ${stderr}`);
  const wanted = (await node.running()).size;
  await node.stopSupervisor();
  const kept = keepTree(node.site.root);
  const { journal, pidFile, socket } = supervisorPaths(node.site.instanceRoot);
  const look = () => node.running().catch(() => new Map<string, number>());
  return {
    name: 'node supervisord',
    isOpaque: true,
    command: () => slaposCommand(node.configuration, 'node', 'supervisord'),
    async reset() {
      node.client.close();
      await node.stopSupervisor();
      for (const path of [journal, pidFile, socket]) rmSync(path, { force: true });
      kept.restore();
    },
    async state() {
      const until = performance.now() + PATIENCE_MS;
      let running = await look();
      while (running.size < wanted && performance.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        running = await look();
      }
      return [...running.keys()].map((name) => `runs ${name}`).sort();
    },
    async close() {
      kept.remove();
      await node.close();
    },
  };
}
