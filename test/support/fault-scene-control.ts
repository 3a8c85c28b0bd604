/** What a running supervisor is told to do, with its keeper and controller, for walks of faults. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ProcessInfo, SupervisorClient } from '../../src/supervisor/client.ts';
import { supervisorPaths } from '../../src/supervisor/layout.ts';
import { slaposCommand } from './fault-tracer.ts';
import type { FaultScene } from './fault-walk.ts';
import { isAlive } from './keeper-run.ts';
import { until } from './supervisor-run.ts';

const PATIENCE_MS = 10_000;
const LOOK_MS = 50;

/** Argument of the only service of each group. */
type Groups = Readonly<Record<string, string>>;
const BEFORE: Groups = { kept: 'one', changed: 'one', removed: 'one' };
const AFTER: Groups = { kept: 'one', changed: 'two', added: 'one' };

interface Order {
  readonly name: string;
  /** Words after `slapos node`. */
  readonly words: readonly string[];
  /** The configuration when the order is given. */
  readonly after: Groups;
  /** What runs in the end; nothing of the supervisor is left where it is empty. */
  readonly wanted: Groups;
  /** Shell condition by which the order is carried out. */
  readonly isDone: string;
  /** Groups whose processes nothing may end. */
  readonly lasting: readonly string[];
}

function readCommandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** A supervisor with services that note their starts, below a folder. */
class ControlledNode {
  readonly root: string;
  readonly paths: ReturnType<typeof supervisorPaths>;
  readonly #order: Order;

  constructor(order: Order) {
    this.root = `/srv/control-${order.name}`;
    this.paths = supervisorPaths(join(this.root, 'instance'));
    this.#order = order;
  }

  /** Pids and arguments of the starts of a group. */
  starts(group: string): ReadonlyArray<{ readonly pid: number; readonly argument: string }> {
    const file = join(this.root, 'starts', group);
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
    return lines.map((line) => {
      const [pid, argument = ''] = line.split(' ');
      return { pid: Number(pid), argument };
    });
  }

  get groups(): readonly string[] {
    const folder = join(this.root, 'starts');
    return existsSync(folder) ? readdirSync(folder).sort() : [];
  }

  prepare(): void {
    rmSync(this.root, { recursive: true, force: true });
    for (const name of ['starts', 'before', 'after', 'software'])
      mkdirSync(join(this.root, name), { recursive: true });
    mkdirSync(this.paths.groupFolder, { recursive: true });
    for (const name of ['slapos.cfg', 'counted.cfg']) this.#write(name, this.#configuration());
    this.#write('service', this.#service(), 0o755);
    this.#write('order', this.#script(), 0o755);
    for (const [folder, groups] of [
      ['before', BEFORE],
      ['after', this.#order.after],
    ] as const) {
      for (const [group, argument] of Object.entries(groups))
        this.#write(`${folder}/${group}.conf`, this.#group(group, argument));
    }
  }

  #write(name: string, text: string, mode = 0o644): void {
    writeFileSync(join(this.root, name), text, { mode });
  }

  #configuration(): string {
    return `[slapos]
computer_id = COMP-1
master_url = http://127.0.0.1:9/
instance_root = ${this.paths.instanceRoot}
software_root = ${this.root}/software
`;
  }

  #service(): string {
    return `#!/bin/sh
echo $$ $2 >> ${this.root}/starts/$1
exec /bin/sleep 100000
`;
  }

  #group(group: string, argument: string): string {
    return `[group:${group}]
programs=${group}
[program:${group}]
command=${this.root}/service ${group} ${argument}
startsecs=0
stopwaitsecs=5
`;
  }

  /** Starts the supervisor where none runs, then gives the order, from which on calls count. */
  #script(): string {
    const { paths, root } = this;
    const { words, isDone } = this.#order;
    const { argv } = slaposCommand('');
    const slapos = argv.slice(0, 2).join(' ');
    return `#!/bin/sh
cd ${root}
wait_for() { n=0; until eval "$1" || [ $n -ge 100 ]; do n=$((n + 1)); sleep 0.05; done; }
started() { for one in $1; do [ -s starts/$one ] || return 1; done; }
fail() { cat ${paths.logFile} >&2; [ $1 -lt 128 ] || kill -KILL $$; exit $1; }
if ! [ -e ordered ]; then
  cp before/* ${paths.groupFolder}
  ${slapos} node supervisord --cfg ${root}/slapos.cfg || fail $?
  wait_for 'started "${Object.keys(BEFORE).join(' ')}"'
  : > ordered
fi
rm ${paths.groupFolder}/*
cp after/* ${paths.groupFolder}
${slapos} node ${words.join(' ')} --cfg ${root}/counted.cfg || fail $?
wait_for '${isDone}'
`;
  }

  async describe(): Promise<readonly string[]> {
    const alive = this.groups.flatMap((group) =>
      this.starts(group)
        .filter(({ pid }) => isAlive(pid))
        .map(({ argument }) => `${group} is alive with ${argument}`),
    );
    const left = [this.paths.socket, this.paths.pidFile].filter(existsSync);
    const isOver = Object.keys(this.#order.wanted).length === 0;
    return [...alive, ...(isOver ? left : await this.#listRunning())];
  }

  async #listRunning(): Promise<readonly string[]> {
    const client = new SupervisorClient(this.paths.socket);
    try {
      const all = await client.callWithin<ProcessInfo[]>(
        PATIENCE_MS,
        'supervisor.getAllProcessInfo',
      );
      const own = all.filter(({ group }) => group !== 'watchdog');
      return own.map(({ group, statename }) => `${group} is ${statename}`).sort();
    } catch (error) {
      return [`no answer: ${error}`];
    } finally {
      client.close();
    }
  }

  /** Keepers, controllers and watchdogs of this node, whoever knows of them. */
  #listProcesses(): readonly number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => readCommandLine(pid).includes(`${this.root}/instance`));
  }

  async stop(): Promise<void> {
    const { pidFile } = this.paths;
    const pid = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0;
    if (pid > 0 && isAlive(pid)) {
      process.kill(pid, 'SIGTERM');
      await until(() => (isAlive(pid) ? undefined : true), 'the end of the supervisor', 20_000);
    }
    for (const one of this.#listProcesses()) killNow(one);
    for (const group of this.groups) for (const one of this.starts(group)) killNow(one.pid);
  }
}

function controlScene(order: Order): () => Promise<FaultScene> {
  const node = new ControlledNode(order);
  const wanted = Object.entries(order.wanted)
    .flatMap(([group, argument]) => [`${group} is RUNNING`, `${group} is alive with ${argument}`])
    .sort();
  return async () => ({
    name: `node ${order.words.join(' ')}`,
    isOpaque: true,
    command: () => ({
      ...slaposCommand(''),
      argv: [join(node.root, 'order')],
      begin: join(node.root, 'counted.cfg'),
    }),
    async reset() {
      await node.stop();
      node.prepare();
    },
    async state() {
      const end = performance.now() + PATIENCE_MS;
      for (;;) {
        const state = [...(await node.describe())].sort();
        if (state.join() === wanted.join() || performance.now() >= end) return state;
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
    },
    async findLosses() {
      const ended = order.lasting.filter((group) => node.starts(group).length !== 1);
      return ended.map((group) => `the process of ${group}`);
    },
    async close() {
      await node.stop();
      rmSync(node.root, { recursive: true, force: true });
    },
  });
}

export const CONTROL_SCENES: Readonly<Record<string, () => Promise<FaultScene>>> = {
  update: controlScene({
    name: 'update',
    words: ['supervisorctl', 'update'],
    after: AFTER,
    wanted: AFTER,
    isDone: 'started added',
    lasting: ['kept'],
  }),
  upgrade: controlScene({
    name: 'upgrade',
    words: ['supervisord', '--upgrade'],
    after: BEFORE,
    wanted: BEFORE,
    isDone: ':',
    lasting: Object.keys(BEFORE),
  }),
  shutdown: controlScene({
    name: 'shutdown',
    words: ['supervisorctl', 'shutdown'],
    after: BEFORE,
    wanted: {},
    isDone: '! [ -e instance/sv.sock ]',
    lasting: [],
  }),
  reload: controlScene({
    name: 'reload',
    words: ['supervisorctl', 'reload'],
    after: AFTER,
    wanted: AFTER,
    isDone: 'started added',
    lasting: [],
  }),
};
