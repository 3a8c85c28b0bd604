/** A real supervisor, keeper and controller, asked over its socket. */
import { SupervisorRun } from '../../support/supervisor-run.ts';
import type { Passes, Verb } from './verb.ts';

/** So little that the controller collects its garbage before that passes for a leak. */
const SMALL_HEAP = { NODE_OPTIONS: '--max-old-space-size=32 --max-semi-space-size=1' };

async function supervisorPasses(): Promise<Passes> {
  const run = new SupervisorRun();
  run.keeperEnv = SMALL_HEAP;
  await run.launch();
  run.writeGroup('slappart0', { one: '/bin/sleep 1000' });
  await run.client.call('supervisor.reloadConfig');
  await run.client.call('supervisor.addProcessGroup', 'slappart0');
  const pids = [
    { name: 'keeper', pid: run.pid },
    { name: 'controller', pid: run.controllerPid() },
  ];
  const pass = async (index: number) => {
    await run.client.call('supervisor.getAllProcessInfo');
    if (index % 4 !== 0) return;
    await run.client.call('supervisor.startProcess', 'slappart0:one');
    await run.client.call('supervisor.stopProcess', 'slappart0:one');
    await run.client.call('supervisor.reloadConfig');
    await run.client.call('supervisor.startProcess', 'slappart0:none').catch(() => {});
  };
  return { pass, end: () => run.stop(), processes: () => pids };
}

export const verbs: readonly Verb[] = [
  { name: 'supervisor', needsNamespace: true, prepare: supervisorPasses },
];
