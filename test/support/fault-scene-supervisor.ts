/** `node supervisord` that starts keeper, controller and watchdog, for walks of faults. */
import { rmSync } from 'node:fs';
import type { ProcessInfo } from '../../src/supervisor/client.ts';
import { supervisorPaths } from '../../src/supervisor/layout.ts';
import { slaposCommand } from './fault-tracer.ts';
import type { FaultScene } from './fault-walk.ts';
import { InstanceNode, serviceName } from './instance-node.ts';
import { keepTree } from './kept-tree.ts';

const RELEASE = 'https://host/one.cfg';
/** The watchdog comes up after the command has ended, and after a restart of the controller. */
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
  await node.stopSupervisor();
  const wanted = [
    ...node.ids.map((id) => `${id}:${serviceName(RELEASE, '0')}-on-watch is STOPPED`),
    'watchdog:watchdog is RUNNING',
  ];
  const kept = keepTree(node.site.root);
  const { journal, pidFile, socket } = supervisorPaths(node.site.instanceRoot);
  /** All that it knows of; services are started by `node instance` and `node boot`. */
  const look = async (): Promise<readonly string[]> => {
    try {
      const all = await node.client.call<ProcessInfo[]>('supervisor.getAllProcessInfo');
      return all.map(({ group, name, statename }) => `${group}:${name} is ${statename}`).sort();
    } catch (error) {
      return [String(error)];
    }
  };
  return {
    name: 'node supervisord',
    isOpaque: true,
    // Where Node looks for the program of the controller.
    spared: ({ target }) => target === '/srv',
    command: () => slaposCommand(node.configuration, 'node', 'supervisord'),
    async reset() {
      node.client.close();
      await node.stopSupervisor();
      for (const path of [journal, pidFile, socket]) rmSync(path, { force: true });
      kept.restore();
    },
    async state() {
      const until = performance.now() + PATIENCE_MS;
      for (;;) {
        const found = await look();
        if (found.join() === wanted.join() || performance.now() >= until) return found;
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
    },
    async close() {
      kept.remove();
      await node.close();
    },
  };
}
