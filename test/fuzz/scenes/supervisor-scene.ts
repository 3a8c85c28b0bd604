/** The supervisor's server on a unix socket, over a keeper and a clock in memory. */
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SignalRequest } from '../../../src/host/keeper/keeper.ts';
import type { SignalResult } from '../../../src/host/keeper/keeper-event.ts';
import type {
  GroupConfig,
  ServerConfig,
} from '../../../src/supervisor/configuration/program-config.ts';
import { decodeNotes } from '../../../src/supervisor/process/state-notes.ts';
import type { RpcContext } from '../../../src/supervisor/rpc/rpc-method.ts';
import { closeServer, createRpcServer } from '../../../src/supervisor/rpc/rpc-server.ts';
import { FakeKeeper, SupervisorBench } from '../../support/fake-keeper.ts';
import { groupConfig } from '../../support/supervisor-config.ts';
import { exchange, type RawAnswer } from '../driver/raw-exchange.ts';
import { ensure, ensureSame } from '../driver/target.ts';

/** Beyond the highest that Linux gives: what is looked up of a process must not be another's. */
const NO_PID = 5_000_000;

/** Processes end when they are told to. */
class ObedientKeeper extends FakeKeeper {
  onEnd: (pid: number) => void = () => undefined;

  override async signal(request: SignalRequest): Promise<SignalResult> {
    const result = await super.signal(request);
    if ([2, 9, 15].includes(request.signal)) setImmediate(() => this.onEnd(request.pid));
    return result;
  }
}

export class SupervisorScene {
  readonly #folder: string;
  readonly #said: string[] = [];
  #bench = new SupervisorBench();
  #server: Server | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(): Promise<SupervisorScene> {
    const scene = new SupervisorScene(mkdtempSync(join(tmpdir(), 'slapos-fuzz-')));
    mkdirSync(join(scene.#folder, 'logs'));
    const { uid } = { uid: process.geteuid?.() ?? 0 };
    const config: ServerConfig = { kind: 'unix', path: scene.#socket, mode: 0o700 };
    scene.#server = createRpcServer(scene.#context(uid), config);
    scene.#server.listen(scene.#socket);
    await once(scene.#server, 'listening');
    return scene;
  }

  /** A group whose processes run and one that is not added yet. */
  async reset(): Promise<void> {
    const keeper = new ObedientKeeper();
    const bench = new SupervisorBench(keeper);
    let pid = NO_PID;
    bench.spawner.spawn = async () => {
      pid += 1;
      return { kind: 'spawned', pid, startTicks: pid };
    };
    keeper.onEnd = (ended) => {
      const found = bench.controller.processes().find(({ status }) => status.pid === ended);
      if (found !== undefined) bench.end(found.fullName, { signal: 15 });
    };
    this.#bench = bench;
    this.#said.length = 0;
    writeFileSync(this.#log, `${'line of a log é\n'.repeat(20)}`);
    await bench.controller.addGroup(this.#groups()[0] as GroupConfig);
    await bench.clock.advance(2000);
  }

  /** Time passes until the answer is there. */
  async ask(text: string): Promise<RawAnswer> {
    let isOver = false;
    const answer = exchange({ path: this.#socket }, text).finally(() => {
      isOver = true;
    });
    const pass = async () => {
      while (!isOver) {
        await sleep(1);
        await this.#bench.clock.advance(1000);
      }
    };
    await Promise.all([answer, pass()]);
    return answer;
  }

  takeSaid(): readonly string[] {
    const all = [...this.#said.splice(0), ...this.#bench.lines.splice(0)];
    return all.filter((line) => line.startsWith('CRIT'));
  }

  /** The next controller finds what this one has. */
  check(): void {
    const { controller, keeper } = this.#bench;
    const restored = decodeNotes(keeper.notes).flatMap(({ name, processes }) =>
      processes.map((process) => `${name}:${process.config.name} ${process.status.state}`),
    );
    const present = controller
      .processes()
      .map(({ fullName, status }) => `${fullName} ${status.state}`);
    ensureSame(restored.sort(), present.sort(), 'the notes');
    ensure(keeper.notes.size < 100, 'too many notes');
  }

  async close(): Promise<void> {
    if (this.#server !== undefined) closeServer(this.#server);
    rmSync(this.#folder, { recursive: true });
  }

  get #socket(): string {
    return join(this.#folder, 'sock');
  }

  get #log(): string {
    return join(this.#folder, 'logs', 'a.log');
  }

  #groups(): readonly GroupConfig[] {
    const file = { target: { kind: 'file', path: this.#log } } as const;
    const plain = groupConfig('g', [{ name: 'b' }]).processes[0];
    if (plain === undefined) throw new Error('no process');
    return [
      groupConfig('g', [
        { name: 'a', isAutostart: true, stdout: { ...plain.stdout, ...file } },
        { name: 'b' },
      ]),
      groupConfig('h', [{ name: 'c', isAutostart: true }]),
    ];
  }

  #context(ownUid: number): RpcContext {
    const scene = this;
    return {
      // Each input has a controller of its own.
      get controller() {
        return scene.#bench.controller;
      },
      log: {
        path: this.#log,
        write: (level, text) => void this.#said.push(`${level} ${text}`),
        reopen() {},
        clear() {},
      },
      identifier: 'supervisor',
      daemonPid: 1,
      ownUid,
      wantedGroups: () => this.#groups(),
      reload: () => this.#groups(),
      problems: () => [],
      leave: (mood) => void this.#bench.controller.leave(mood),
      versions: () => ({ keeper: '1', controller: '1', keeper_pid: 1, controller_pid: 2 }),
      upgrade: async () => undefined,
      settle: async () => undefined,
    };
  }
}
