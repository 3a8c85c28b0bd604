/** Verbs of a node, on machines in memory: each pass has a new one, so that only our code lasts. */
import { stopProcess } from '../../../src/supervisor/operations.ts';
import { CollectMachine } from '../../support/collect-machine.ts';
import { FakeHost } from '../../support/fake-host.ts';
import { SupervisorBench, settle } from '../../support/fake-keeper.ts';
import { formatInput, formatOptions, runFormat } from '../../support/format-run.ts';
import { MemoryNode } from '../../support/instance-failures.ts';
import { SoftwareNode } from '../../support/software-failures.ts';
import { groupConfig } from '../../support/supervisor-config.ts';
import type { Passes, Verb } from './verb.ts';

function formatPasses(): Passes {
  const options = formatOptions({ create_tun: 'true', computer_json: '/opt/slapos/slapos.json' });
  const pass = async () => {
    const host = new FakeHost();
    host.addLink('br0', { kind: 'bridge' });
    host.addAddress('br0', '2001:db8:aaaa::1', 48);
    await runFormat(formatInput(host, options));
    await runFormat(formatInput(host, options));
  };
  return { pass };
}

function softwarePasses(): Passes {
  const pass = async () => {
    const node = new SoftwareNode();
    await node.run();
    node.supply('destroyed');
    await node.run();
  };
  return { pass };
}

/** A partition that starts, stops and is destroyed. */
function gridPasses(verb: 'instance' | 'report'): () => Passes {
  const pass = async () => {
    const node = new MemoryNode();
    await node.run('instance');
    node.wish({ requestedState: verb === 'report' ? 'destroyed' : 'stopped' });
    await node.run(verb);
  };
  return () => ({ pass });
}

/** A node that lasts: runs of a minute each, whose rows are made anew now and then. */
function collectPasses(): Passes {
  let machine = new CollectMachine();
  const pass = async (index: number) => {
    if (index % 50 === 0) {
      machine.remove();
      machine = new CollectMachine();
    }
    machine.nowMs += 60_000;
    machine.first = [{ pid: 42, uid: 5000, startTicks: 100, utimeTicks: 10, threads: 3 }];
    machine.second = [{ pid: 42, uid: 5000, startTicks: 100, utimeTicks: 260, threads: 3 }];
    await machine.collect();
    machine.log.lines.length = 0;
  };
  return { pass, end: () => machine.remove() };
}

/** One controller: a group comes, its process runs and is stopped, the group goes. */
function controllerPasses(): Passes {
  const bench = new SupervisorBench();
  const pass = async () => {
    const processes = [{ name: 'a', isAutostart: true }, { name: 'b' }];
    await bench.controller.addGroup(groupConfig('g', processes));
    await settle();
    await bench.clock.advance(1100);
    const stopped = stopProcess(bench.process('g:a'), 'g:a', true);
    bench.end('g:a', { signal: 15 });
    await stopped;
    if (!bench.controller.removeGroup('g')) throw new Error('the group stays');
    const { events, keeper, lines, spawner } = bench;
    const { acknowledged, signals, trace } = keeper;
    for (const told of [events, lines, spawner.spawned, acknowledged, signals, trace]) {
      told.length = 0;
    }
  };
  return { pass };
}

export const verbs: readonly Verb[] = [
  { name: 'format', prepare: formatPasses },
  { name: 'software', prepare: softwarePasses },
  { name: 'instance', prepare: gridPasses('instance') },
  { name: 'report', prepare: gridPasses('report') },
  { name: 'collect', share: 0.2, prepare: collectPasses },
  { name: 'controller', prepare: controllerPasses },
];
