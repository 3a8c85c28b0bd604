/**
 * The n-th failing operation: for each operation on the machine, each call of the Master and of the
 * supervisor in a pass, a machine on which that one failed, and then one undisturbed pass. It must end
 * as a machine on which nothing failed.
 */
import {
  HostError,
  isSlaposError,
  MasterError,
  SlaposError,
} from '../../src/errors/slapos-error.ts';
import type { GridContext } from '../../src/grid/context.ts';
import { runInstance } from '../../src/instance/run-instance.ts';
import { runReport } from '../../src/report/run-report.ts';
import type { SlapMaster, SlapPartition } from '../../src/slap/master.ts';
import { softwarePath } from '../../src/software/release.ts';
import { createFakeMaster, type FakeMaster } from './fake-master.ts';
import { memoryContext } from './memory-context.ts';
import { MemoryMachine } from './memory-machine.ts';
import { slapPartition } from './slap-partition.ts';

const INSTANCES = '/instance';
const SOFTWARE = '/software';
const RELEASE = 'https://host/software.cfg';
const STATUS_OF: Readonly<Record<string, string>> = {
  reportStarted: '#access Instance correctly started',
  reportStopped: '#access Instance correctly stopped',
  reportInstanceError: '#error while instanciating',
};

type Cli = Record<string, string | number | boolean>;

/** A node in memory, of whose partitions {@link MemoryNode.wish} changes the first one. */
export class MemoryNode {
  readonly machine = new MemoryMachine(`${INSTANCES}/etc/supervisord.conf.d`);
  readonly master: FakeMaster = createFakeMaster();

  readonly #jobs: number;

  constructor({ partitions = 2, jobs = 1 } = {}) {
    const { machine, master } = this;
    this.#jobs = jobs;
    const ids = Array.from({ length: partitions }, (_, index) => `slappart${index}`);
    for (const path of ['', '/etc', '/etc/supervisord.conf.d', '/var', '/pki']) {
      machine.putFolder(`${INSTANCES}${path}`);
    }
    const release = softwarePath(SOFTWARE, RELEASE);
    for (const path of [SOFTWARE, release, `${release}/bin`]) machine.putFolder(path);
    machine.put(`${release}/instance.cfg`, '[buildout]\n');
    machine.put(`${release}/bin/buildout`, '#!/bin/sh\n', { mode: 0o755 });
    for (const [index, id] of ids.entries()) {
      machine.putFolder(`${INSTANCES}/${id}`, {
        mode: 0o750,
        uid: 1000 + index,
        gid: 1000 + index,
      });
    }
    master.partitions = ids.map((partitionId) => slapPartition({ partitionId }));
    machine.command = (argv, cwd) => this.#build(argv, cwd);
  }

  wish(changes: Partial<SlapPartition>): void {
    const [first, ...others] = this.master.partitions;
    this.master.partitions = [{ ...(first as SlapPartition), ...changes }, ...others];
  }

  /** `instance` and `report` of the command line; an error of the pass itself is an answer too. */
  async run(verb: 'instance' | 'report', cli: Cli = {}): Promise<number | string> {
    const context = this.#context(cli);
    const openSupervisor = async () => this.machine.supervisor();
    try {
      const pass = verb === 'instance' ? runInstance : runReport;
      return await pass(context, openSupervisor);
    } catch (error) {
      if (!isSlaposError(error)) throw error;
      return error.code;
    }
  }

  #context(cli: Cli): GridContext {
    const settings = {
      software_root: SOFTWARE,
      instance_root: INSTANCES,
      certificate_repository_path: `${INSTANCES}/pki`,
    };
    const master = this.#gatedMaster();
    return memoryContext({ settings, cli, machine: this.machine, master, jobs: this.#jobs });
  }

  /** What the Master hears becomes what it says of the partition. */
  #gatedMaster(): SlapMaster {
    const { machine, master } = this;
    return new Proxy(master, {
      get: (target, name: keyof SlapMaster) => {
        const method = target[name];
        if (typeof method !== 'function') return method;
        return async (...args: unknown[]) => {
          const id = (args[0] as { partitionId?: string } | undefined)?.partitionId ?? '';
          const operation = `master.${name} ${id}`.trim();
          machine.gate(operation, 'before');
          const answer = await (method as (...given: unknown[]) => unknown)(...args);
          this.#hear(name, id);
          machine.gate(operation, 'after');
          return answer;
        };
      },
    });
  }

  #hear(method: string, partitionId: string): void {
    const change = (changes: Partial<SlapPartition>) => {
      this.master.partitions = this.master.partitions.map((each) =>
        each.partitionId === partitionId && each.softwareReleaseUrl !== null
          ? { ...each, ...changes }
          : each,
      );
    };
    const accessStatus = STATUS_OF[method];
    if (accessStatus !== undefined) change({ accessStatus });
    if (method !== 'reportDestroyed') return;
    change({
      requestedState: 'destroyed',
      softwareReleaseUrl: null,
      parameters: null,
      accessStatus: null,
    });
  }

  /** The buildout of the release, and promises, which always hold. */
  #build(argv: readonly string[], cwd: string): number {
    if (!argv.some((word) => word.endsWith('/bin/buildout'))) return 0;
    const { machine } = this;
    const id = cwd.slice(cwd.lastIndexOf('/') + 1);
    const wish = this.master.partitions.find((each) => each.partitionId === id);
    for (const path of ['etc', 'etc/service', 'etc/promise']) machine.putFolder(`${cwd}/${path}`);
    for (const path of machine.entries.keys()) {
      if (path.startsWith(`${cwd}/etc/service/`)) machine.entries.delete(path);
    }
    const name = `server-${String(wish?.parameters?.['timestamp'])}`;
    machine.put(`${cwd}/etc/service/${name}`, '', { mode: 0o755 });
    machine.put(`${cwd}/etc/promise/up`, '', { mode: 0o755 });
    machine.put(`${cwd}/.slapos-request-transaction-${id}`, 'db\n');
    return 0;
  }
}

export interface Scenario {
  readonly name: string;
  /** Brings the machine to where the pass begins. */
  readonly prepare: (node: MemoryNode) => Promise<void>;
  /** The pass in which an operation fails. */
  readonly pass: (node: MemoryNode) => Promise<unknown>;
  /** What is run afterwards, undisturbed. */
  readonly repair: (node: MemoryNode) => Promise<number | string>;
}

const instance = (node: MemoryNode, cli: Cli = {}) => node.run('instance', cli);
const change = (changes: Partial<SlapPartition>) => async (node: MemoryNode) => {
  await instance(node);
  node.wish(changes);
};
const DESTROYED = { requestedState: 'destroyed', parameters: { timestamp: '2' } };

async function free(node: MemoryNode): Promise<number | string> {
  const status = await instance(node);
  return status === 0 ? node.run('report') : status;
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'first deployment', prepare: async () => {}, pass: instance, repair: instance },
  {
    name: 'other parameters',
    prepare: change({ parameters: { timestamp: '2' } }),
    pass: instance,
    repair: instance,
  },
  {
    name: 'stop',
    prepare: change({ requestedState: 'stopped', parameters: { timestamp: '2' } }),
    pass: instance,
    repair: instance,
  },
  {
    name: 'start again',
    prepare: async (node) => {
      node.wish({ requestedState: 'stopped' });
      await instance(node);
      node.wish({ requestedState: 'started', parameters: { timestamp: '2' } });
    },
    pass: instance,
    repair: instance,
  },
  {
    name: 'nothing new, but the Master thinks of an error',
    prepare: change({ accessStatus: '#error' }),
    pass: instance,
    repair: instance,
  },
  {
    name: 'forced',
    prepare: change({}),
    pass: (node) => instance(node, { force: true }),
    repair: instance,
  },
  {
    name: 'stopped by force',
    prepare: change({}),
    pass: (node) => instance(node, { force_stop: true }),
    repair: instance,
  },
  { name: 'destruction', prepare: change(DESTROYED), pass: free, repair: free },
  {
    name: 'reuse',
    prepare: async (node) => {
      await change(DESTROYED)(node);
      await free(node);
      node.wish({
        requestedState: 'started',
        softwareReleaseUrl: RELEASE,
        parameters: { timestamp: '3' },
      });
    },
    pass: instance,
    repair: instance,
  },
];

/** How an operation fails. */
export interface Failure {
  readonly moment: 'before' | 'after';
  readonly masterCode:
    | 'SLAPOS_ERR_MASTER_UNAVAILABLE'
    | 'SLAPOS_ERR_MASTER_NOT_FOUND'
    | 'SLAPOS_ERR_MASTER_PROTOCOL';
}

export const FAILURES: readonly Failure[] = (['before', 'after'] as const).flatMap((moment) =>
  (
    [
      'SLAPOS_ERR_MASTER_UNAVAILABLE',
      'SLAPOS_ERR_MASTER_NOT_FOUND',
      'SLAPOS_ERR_MASTER_PROTOCOL',
    ] as const
  ).map((masterCode) => ({ moment, masterCode })),
);

function errorFor(operation: string, { masterCode }: Failure): Error {
  const message = `${operation} fails`;
  if (operation.startsWith('master.')) {
    // The answer of a post is not looked at.
    const isRead = operation.startsWith('master.get');
    return new MasterError(isRead ? masterCode : readable(masterCode), message);
  }
  if (operation.startsWith('supervisor.')) return new SlaposError('SLAPOS_ERR_SUPERVISOR', message);
  return new HostError('SLAPOS_ERR_FILE', message, { syscall: 'write' });
}

function readable(code: Failure['masterCode']): Failure['masterCode'] {
  return code === 'SLAPOS_ERR_MASTER_PROTOCOL' ? 'SLAPOS_ERR_MASTER_UNAVAILABLE' : code;
}

export interface WalkResult {
  readonly operations: number;
  /** What differs from the machine on which nothing failed, by operation. */
  readonly differences: readonly string[];
}

/**
 * Fails every operation of a scenario in turn; those on the machine for one kind of failure only, as
 * they all fail alike.
 * @param draw the number of an operation of the pass after it that fails too; undefined: none does
 */
export async function walkFailures(
  scenario: Scenario,
  failure: Failure,
  draw: (operations: number) => number | undefined = () => undefined,
): Promise<WalkResult> {
  const whole = await endOf(scenario, failure, []);
  const differences: string[] = [];
  for (let index = 0; index < whole.operations; index += 1) {
    const again = draw(whole.operations);
    const end = await endOf(scenario, failure, again === undefined ? [index] : [index, again]);
    // That the Master was not told of a stop is ignored (spec/grid.md 7.2.7).
    const isUntold = end.failed.some((operation) => operation.startsWith('master.reportStopped'));
    const found = compare(whole.snapshot, end.snapshot).filter((line) => {
      return !(isUntold && /^(has|lacks) master /.test(line));
    });
    if (end.status !== 0) found.unshift(`status ${end.status}`);
    differences.push(...found.map((line) => `${index} ${end.failed.join(', ')}: ${line}`));
  }
  return { operations: whole.operations, differences };
}

/** @param failing which operation fails in the pass, and which in a first attempt at its repair */
async function endOf(scenario: Scenario, failure: Failure, failing: readonly number[]) {
  const node = new MemoryNode();
  await scenario.prepare(node);
  const failed: string[] = [];
  const passes = failing.length < 2 ? [scenario.pass] : [scenario.pass, scenario.repair];
  let operations = 0;
  for (const [pass, run] of passes.entries()) {
    operations = 0;
    node.machine.gate = (operation, moment) => {
      const isOther = failure.masterCode !== 'SLAPOS_ERR_MASTER_UNAVAILABLE';
      if (moment !== failure.moment || (isOther && !operation.startsWith('master.'))) return;
      operations += 1;
      if (operations - 1 !== failing[pass]) return;
      failed.push(operation);
      throw errorFor(operation, failure);
    };
    await run(node);
  }
  node.machine.gate = () => {};
  const status = await scenario.repair(node);
  const told = node.master.partitions.map((each) => `master ${JSON.stringify(each)}`);
  return { operations, failed, status, snapshot: [...node.machine.snapshot(), ...told] };
}

function compare(expected: readonly string[], found: readonly string[]): string[] {
  return [
    ...expected.filter((line) => !found.includes(line)).map((line) => `lacks ${cut(line)}`),
    ...found.filter((line) => !expected.includes(line)).map((line) => `has ${cut(line)}`),
  ];
}

function cut(line: string): string {
  return line.replaceAll('\n', ' ').slice(0, 160);
}
