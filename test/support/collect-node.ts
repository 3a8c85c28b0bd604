/** A node whose consumption is collected by ours and by upstream's program in turns. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { renderCsvRow, type StoredValue } from '../../src/collect/csv.ts';
import { packageRoot } from '../../src/host/package/package-files.ts';
import type { inCopy } from './database-copy.ts';
import { missingFacilities } from './facilities.ts';
import { findPublicPeerPython } from './peer-python.ts';
import { appendToEtc } from './private-etc.ts';

const FIRST_UID = 44_000;
const SLAPOS = join(process.env['SLAPOS_PACKAGE'] ?? packageRoot(), 'bin', 'slapos');
/** Of table `user`, what a process that stands still has at every run. */
const STEADY =
  'partition, pid, process, cpu_percent, cpu_time, cpu_num_threads, memory_percent, memory_rss,' +
  ' io_rw_counter, io_cycles_counter';

/** A Python with upstream's collector, where the machine may be changed. */
export function findCollectPython(): { python: string } | { reason: string } {
  const [missing] = missingFacilities(['root', 'netns']);
  if (missing !== undefined) return { reason: `needs ${missing.facility} (${missing.reason})` };
  return findPublicPeerPython('slapos.collect', 'slapos.cli.entry', 'psutil');
}

/** Tables with their declared types, indexes and the journal of a database of samples. */
export function describeCollectorDatabase(file: string) {
  const database = new Database(file, { readonly: true });
  try {
    const names = database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
      .pluck()
      .all() as string[];
    const tables = names.map((name) => [
      name,
      database
        .prepare(`SELECT name, type, dflt_value, "notnull" FROM pragma_table_info(?)`)
        .all(name),
      database.prepare('SELECT name, "unique" FROM pragma_index_list(?) ORDER BY name').all(name),
    ]);
    return {
      names,
      tables,
      journal: database.pragma('journal_mode', { simple: true }),
      integrity: database.pragma('integrity_check', { simple: true }),
    };
  } finally {
    database.close();
  }
}

function yesterday(): string {
  return new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
}

/** The reports below a folder by their names, for which the day before is called YESTERDAY. */
export function readReports(folder: string): ReadonlyMap<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(csv|json|xml)$/.test(name))
    .sort();
  return new Map(
    names.map((name) => [
      name.replace(yesterday(), 'YESTERDAY').replace('.slapgrid/monitor/', ''),
      readFileSync(join(folder, name), 'utf8'),
    ]),
  );
}

function inPlace<Result>(file: string, read: (database: Database.Database) => Result): Result {
  const database = new Database(file, { readonly: true, timeout: 15_000 });
  try {
    return read(database);
  } finally {
    database.close();
  }
}

/** The lines of an archive or folder of a packed day; of anything else none. */
function readSystemDump(path: string): string[] {
  return readMember(path, 'dump_system.csv').split('\r\n').slice(0, -1);
}

function readMember(path: string, name: string): string {
  if (existsSync(join(path, name))) return readFileSync(join(path, name), 'utf8');
  if (!path.endsWith('.tar.gz')) return '';
  const words = ['-xzOf', path, '--wildcards', `*/${name}`];
  return execFileSync('tar', words, { encoding: 'utf8' });
}

/** A row without its last column, which says whether it is packed. */
function withoutMark(line: string): string {
  return line.slice(0, line.lastIndexOf(','));
}

/** A report without the time at which its file was begun. */
export function withoutMoment(text: string): string {
  return text.replace(/^\{"date": [\d.]+/, '{"date": NOW');
}

export class CollectNode {
  readonly root: string;
  readonly cfg: string;
  readonly database: string;
  readonly #count: number;
  readonly #bin: string;

  constructor(root: string, partitionCount: number) {
    this.root = root;
    this.cfg = join(root, 'slapos.cfg');
    this.database = join(root, 'var', 'data-log', 'collector.db');
    this.#count = partitionCount;
    this.#bin = join(root, 'bin');
  }

  uid(index: number): number {
    return FIRST_UID + index;
  }

  /** Users, partitions, and a `sensors` that finds none: upstream's program fails without one. */
  create(): void {
    for (const name of ['var/run', 'bin']) mkdirSync(join(this.root, name), { recursive: true });
    writeFileSync(join(this.#bin, 'sensors'), '#!/bin/sh\necho "No sensors found!"\nexit 1\n', {
      mode: 0o755,
    });
    for (let index = 0; index < this.#count; index += 1) {
      const home = join(this.root, `turnpart${index}`);
      const id = this.uid(index);
      appendToEtc('passwd', `turnuser${index}:x:${id}:${id}::${home}:/bin/false\n`);
      mkdirSync(join(home, '.slapgrid'), { recursive: true });
      for (const path of [join(home, '.slapgrid'), home]) chownSync(path, id, id);
    }
    writeFileSync(join(this.root, 'turnpart0', 'big'), Buffer.alloc(3 << 20, 'x'));
    writeFileSync(
      this.cfg,
      `[slapos]\ninstance_root = ${this.root}\ncomputer_id = COMP-TURNS\n` +
        `[slapformat]\npartition_amount = ${this.#count}\nuser_base_name = turnuser\n` +
        'partition_base_name = turnpart\n',
    );
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  run(file: string, ...args: readonly string[]) {
    const { status, stdout, stderr } = spawnSync(file, args, {
      encoding: 'utf8',
      env: this.#environment(),
      cwd: '/',
    });
    return { status, log: stdout + stderr };
  }

  collect() {
    return this.run(SLAPOS, 'node', 'collect', '--cfg', this.cfg);
  }

  /** Starts our daemon; `hook` is a module that Node.js loads first. */
  startDaemon(hook: string): ChildProcess {
    const args = ['node', 'collect', '--daemon', '--interval', '250ms', '--cfg', this.cfg];
    const env = { ...this.#environment(), NODE_OPTIONS: `--require=${hook}` };
    return spawn(SLAPOS, args, { env, cwd: '/', stdio: ['ignore', 'inherit', 'pipe'] });
  }

  #execute(sql: string): void {
    const database = new Database(this.database, { timeout: 15_000 });
    database.exec(sql);
    database.close();
  }

  query(sql: string, ...values: readonly unknown[]): Array<Record<string, unknown>> {
    const read = (database: Database.Database) => database.prepare(sql).all(...values);
    return inPlace(this.database, read) as Array<Record<string, unknown>>;
  }

  /**
   * Every row that table `system` ever had. Those of a day that is packed may be in its archive only,
   * and the first program whose clock is past midnight packs the day.
   */
  systemRows(look: typeof inCopy = inPlace): ReadonlySet<string> {
    const rows = look(this.database, (database) =>
      database.prepare('SELECT * FROM system').raw().safeIntegers().all(),
    ) as StoredValue[][];
    const folder = dirname(this.database);
    const packed = readdirSync(folder).flatMap((name) => readSystemDump(join(folder, name)));
    return new Set([...rows.map((row) => renderCsvRow(row).trim()), ...packed].map(withoutMark));
  }

  /** The rows of a process without their times, oldest first. */
  userRows(pid: number) {
    return this.query(`SELECT ${STEADY} FROM user WHERE pid = ? ORDER BY date, time`, pid);
  }

  /** Mode and owner of everything that a run writes, by its path below the node. */
  describeFiles(): ReadonlyMap<string, string> {
    const names = ['var', ...this.#partitions()].flatMap((top) =>
      readdirSync(join(this.root, top), { recursive: true, encoding: 'utf8' }).map((name) =>
        join(top, name),
      ),
    );
    const describe = (name: string) => {
      const { mode, uid } = statSync(join(this.root, name));
      return `${(mode & 0o7777).toString(8)} ${uid}`;
    };
    return new Map(names.map((name) => [name, describe(name)]));
  }

  /** Takes away the reports that a run leaves alone once they are there. */
  forgetReports(): void {
    for (const name of ['var/consumption-report', 'var/xml_report']) {
      rmSync(join(this.root, name), { recursive: true });
    }
  }

  /** The rows of today once more, as those of the day before. */
  seedYesterday(): void {
    for (const { name } of this.query("SELECT name FROM sqlite_master WHERE type = 'table'")) {
      const columns = this.query('SELECT name FROM pragma_table_info(?)', name)
        .map((column) => String(column['name']))
        .map((column) => (column === 'date' ? `'${yesterday()}'` : column));
      this.#execute(`INSERT INTO ${name} SELECT ${columns.join()} FROM ${name} WHERE reported = 0`);
    }
  }

  /** Rows of the minute before this one, which the monitor's files are about; none is there yet. */
  seedMinuteBefore(pids: readonly number[]): void {
    for (const partition of this.#partitions()) {
      rmSync(join(this.root, partition, 'monitor'), { recursive: true, force: true });
    }
    const [minute = ''] =
      /T(\d\d:\d\d)/.exec(new Date(Date.now() - 60_000).toISOString())?.slice(1) ?? [];
    const values = pids.flatMap((pid, index) =>
      [10.25, 3.333].map(
        (cpu, second) =>
          `('turnuser${index}', ${pid}, '${pid}-1.5', ${cpu}, 61.7, 4, 0.125, 1500000.0,` +
          ` 1234567, 77.5, date('now'), '${minute}:0${second}', 0)`,
      ),
    );
    this.#execute(`INSERT INTO user VALUES ${values.join()}`);
  }

  /** What our run wrote under the name that `readReports` gives. */
  readReport(name: string): string {
    const [folder = '', file = ''] = name.split('/');
    const path = name.startsWith('turnuser')
      ? join(folder.replace('user', 'part'), '.slapgrid', 'monitor', file)
      : join('var', name.endsWith('.xml') ? 'consumption-report' : 'data-log', name);
    return readFileSync(join(this.root, path.replace('YESTERDAY', yesterday())), 'utf8');
  }

  /** The files of the archive of the day before. */
  unpackDay(): ReadonlyMap<string, string> {
    const folder = mkdtempSync(join(this.root, 'day-'));
    const archive = join(this.root, 'var', 'data-log', `${yesterday()}.tar.gz`);
    execFileSync('tar', ['-xzf', archive, '-C', folder]);
    return readReports(folder);
  }

  #partitions(): string[] {
    return Array.from({ length: this.#count }, (_, index) => `turnpart${index}/.slapgrid`);
  }

  #environment(): NodeJS.ProcessEnv {
    return { ...process.env, PATH: `${this.#bin}:${process.env['PATH']}` };
  }
}
