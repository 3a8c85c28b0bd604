/** Proxies over a fresh database of each kind, and what they and it take of the machine. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/host/package/package-files.ts';
import {
  findPostgres,
  listChildren,
  type PostgresServer,
  startPostgres,
} from '../../test/support/postgres-server.ts';
import {
  type Place,
  preparePlace,
  type RunningProxy,
  readResidentMb,
  removePlace,
  startCandidate,
} from '../proxy/servers.ts';

export type StoreName = 'SQLite' | 'PostgreSQL';

export interface StoreOptions {
  readonly folder: string;
  /** Root of the package whose proxy is measured. */
  readonly program: string | undefined;
  /** Where the proxies leave their profiles of processor time at their end. */
  readonly profiles: string | undefined;
}

/** Ticks of the clock of proc_pid_stat(5) a second: USER_HZ. */
const TICKS = 100;

export function hasPostgres(): boolean {
  return findPostgres() !== undefined;
}

/** Proxies that share a database. */
export class RunningStore {
  readonly name: StoreName;
  readonly #options: StoreOptions;
  readonly #server: PostgresServer | undefined;
  readonly #uri: string | undefined;
  readonly #places: Place[] = [];
  readonly #proxies: RunningProxy[] = [];

  constructor(name: StoreName, options: StoreOptions, server?: PostgresServer, uri?: string) {
    this.name = name;
    this.#options = options;
    this.#server = server;
    this.#uri = uri;
  }

  get ports(): readonly number[] {
    return this.#proxies.map(({ port }) => port);
  }

  async addProxy(): Promise<void> {
    const { folder, profiles, program = packageRoot() } = this.#options;
    const profile = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`];
    // As the first line of `bin/slapos` starts it.
    const words = [process.execPath, ...profile, '--max-semi-space-size=8'];
    const place = await preparePlace(folder, this.#uri);
    this.#places.push(place);
    const candidate = { who: this.name, program: [...words, join(program, 'bin/slapos')] };
    this.#proxies.push(await startCandidate(candidate, place));
  }

  /** Processor seconds of the proxies, and of the database server, up to now. */
  cpuSeconds(): { readonly proxies: number; readonly database: number } {
    const { pid } = this.#server ?? {};
    const database = pid === undefined ? [] : [pid, ...listChildren(pid)];
    const proxies = this.#proxies.map((proxy) => readCpu(proxy.pid));
    return { proxies: sumOf(proxies), database: sumOf(database.map(readCpu)) };
  }

  /** Memory of the largest proxy. */
  residentMb(): number {
    return Math.max(...this.#proxies.map(({ pid }) => readResidentMb(pid)));
  }

  async databaseMb(): Promise<number> {
    if (this.#server !== undefined) {
      const [row] = await this.#server.query(`SELECT pg_database_size('${DATABASE}') AS size`);
      return Number(row?.['size']) / 1e6;
    }
    const folder = this.#places[0]?.path ?? '';
    const names = readdirSync(folder).filter((name) => name.startsWith('proxy.db'));
    return sumOf(names.map((name) => statSync(join(folder, name)).size)) / 1e6;
  }

  async close(): Promise<void> {
    for (const proxy of this.#proxies) await proxy.close();
    await this.#server?.close();
    for (const place of this.#places) removePlace(place);
  }
}

const DATABASE = 'slapos';

/** A fresh database with one proxy. */
export async function startStore(name: StoreName, options: StoreOptions): Promise<RunningStore> {
  // Commits are on the disk before they are answered, as anybody would run it.
  const server = name === 'PostgreSQL' ? await startPostgres({ hasFsync: true }) : undefined;
  const store = new RunningStore(name, options, server, await server?.createDatabase(DATABASE));
  await store.addProxy();
  return store;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** utime and stime, fields 14 and 15; 0 for a process that is gone. */
function readCpu(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return 0;
  }
}
