import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { createCollectHost } from '../../src/cli/node/collect-host.ts';
import type { CollectHost } from '../../src/collect/collect-host.ts';
import { runCollect } from '../../src/collect/run.ts';
import type { CollectSettings } from '../../src/collect/settings.ts';
import {
  decodeProcTable,
  PROC_F64,
  PROC_RECORD_BYTES,
  PROC_U8,
  PROC_U32,
} from '../../src/host/proc.ts';
import type { LogFields, Logger } from '../../src/log/logger.ts';

/** Fields of one process that a scripted sample sets; the rest is 0. */
export type ScriptedProcess = Partial<
  Record<keyof typeof PROC_U32 | keyof typeof PROC_F64, number>
>;

/** A sample as the addon would give it, of processes that do not exist. */
export function scriptedTable(processes: readonly ScriptedProcess[]) {
  const buffer = new ArrayBuffer(processes.length * PROC_RECORD_BYTES);
  const words = new Uint32Array(buffer);
  const doubles = new Float64Array(buffer);
  const bytes = new Uint8Array(buffer);
  processes.forEach((process, index) => {
    const base = index * PROC_RECORD_BYTES;
    for (const [field, value] of Object.entries(process)) {
      if (field in PROC_U32) words[base / 4 + PROC_U32[field as keyof typeof PROC_U32]] = value;
      else doubles[base / 8 + PROC_F64[field as keyof typeof PROC_F64]] = value;
    }
    bytes[base + PROC_U8.state] = 'S'.charCodeAt(0);
    bytes[base + PROC_U8.hasIo] = 1;
  });
  return decodeProcTable(buffer);
}

/** A log that keeps its lines as `LEVEL message`. */
export class RecordingLog implements Logger {
  readonly lines: string[] = [];
  debug = (message: string, _?: LogFields) => void this.lines.push(`DEBUG ${message}`);
  info = (message: string, _?: LogFields) => void this.lines.push(`INFO ${message}`);
  warning = (message: string, _?: LogFields) => void this.lines.push(`WARNING ${message}`);
  error = (message: string, _?: LogFields) => void this.lines.push(`ERROR ${message}`);
  critical = (message: string, _?: LogFields) => void this.lines.push(`CRITICAL ${message}`);
  child(): Logger {
    return this;
  }
  /** Lines from a level on. */
  problems(): string[] {
    return this.lines.filter((line) => /^(WARNING|ERROR|CRITICAL)/.test(line));
  }
}

/** A node in a temporary folder: real files and database, scripted clock, users and processes. */
export class CollectMachine {
  readonly root = mkdtempSync(join(tmpdir(), 'slapos-collect-'));
  readonly log = new RecordingLog();
  nowMs = Date.UTC(2026, 10, 20, 10, 5, 7);
  first: readonly ScriptedProcess[] = [];
  second: readonly ScriptedProcess[] | undefined;
  readonly settings: CollectSettings;
  readonly host: CollectHost;
  #looks = 0;
  #monotonicMs = 0;

  constructor(userCount = 2, changes: Partial<CollectHost> = {}) {
    const users = Array.from({ length: userCount }, (_, index) => ({
      name: `slapuser${index}`,
      path: join(this.root, `slappart${index}`),
    }));
    for (const { path } of users) mkdirSync(join(path, '.slapgrid'), { recursive: true });
    this.settings = {
      instanceRoot: this.root,
      computerId: 'COMP-1',
      cacheDays: 15,
      users,
      taps: users.map((_, index) => `slaptap${index}`),
      computerModelId: 'no_model',
      heatingSensorId: undefined,
      folder: {
        isEnabled: true,
        pidFolder: join(this.root, 'var', 'run'),
        cycleS: 86_400,
        isQuotaUsed: false,
      },
    };
    this.host = { ...createCollectHost(), ...this.#scripts(), ...changes };
  }

  #scripts(): Partial<CollectHost> {
    const users = this.settings.users.map(({ name }, index) => ({
      name,
      password: 'x',
      uid: 5000 + index,
      gid: 5000 + index,
      gecos: '',
      home: '/',
      shell: '/bin/false',
    }));
    return {
      accounts: {
        read: async () => ({ users, groups: [], shadow: undefined, gshadow: undefined }),
      },
      observeProcesses: async () => {
        this.#looks += 1;
        const isFirst = this.#looks % 2 === 1;
        return scriptedTable(isFirst ? this.first : (this.second ?? this.first));
      },
      readCommandLine: (pid) => ['/bin/program', String(pid)],
      nowMs: () => this.nowMs,
      monotonicMs: () => this.#monotonicMs,
      sleep: async (durationMs) => {
        this.#monotonicMs += durationMs;
      },
    };
  }

  /** One run, with parts of the machine or of the settings exchanged. */
  collect(
    changes: {
      host?: Partial<CollectHost>;
      settings?: Partial<CollectSettings>;
      smallFolders?: Map<string, number>;
    } = {},
    signal: AbortSignal = new AbortController().signal,
  ): Promise<number> {
    return runCollect({
      settings: { ...this.settings, ...changes.settings },
      host: { ...this.host, ...changes.host },
      log: this.log,
      signal,
      smallFolders: changes.smallFolders,
    });
  }

  #database(): Sqlite.Database {
    return new Sqlite(this.path('var', 'data-log', 'collector.db'));
  }

  query(sql: string): unknown[] {
    const database = this.#database();
    try {
      return database.prepare(sql).raw().all();
    } finally {
      database.close();
    }
  }

  execute(sql: string): void {
    const database = this.#database();
    database.exec(sql);
    database.close();
  }

  path(...names: string[]): string {
    return join(this.root, ...names);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
