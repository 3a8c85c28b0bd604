/** A node with partitions, services under a real supervisor, promises and a Master's document. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderKeptDocument } from '../../src/grid/kept-document.ts';
import { packageRoot } from '../../src/host/package/package-files.ts';
import type { SlapPartition } from '../../src/slap/master.ts';
import { FullScreen } from './full-screen.ts';
import { appendToEtc } from './private-etc.ts';
import { SERVICE_UID, SupervisorRun } from './supervisor-run.ts';
import { Terminal } from './terminal.ts';

const FIRST_UID = 45_000;
const MASTER = 'http://127.0.0.1:1/';
const SLAPOS = join(process.env['SLAPOS_PACKAGE'] ?? packageRoot(), 'bin', 'slapos');

export interface PromiseText {
  readonly title: string;
  readonly hasFailed: boolean;
  readonly message: string;
}

export class TopNode {
  readonly run = new SupervisorRun();
  readonly cfg: string;
  readonly #children: ChildProcess[] = [];

  /** @param titles of the instances; null for a free partition */
  constructor(titles: ReadonlyArray<string | null>) {
    const { root } = this.run;
    this.cfg = join(root, 'slapos.cfg');
    for (const index of titles.keys()) this.#makePartition(index);
    mkdirSync(join(root, 'var'), { recursive: true });
    writeFileSync(
      this.cfg,
      `[slapos]\ninstance_root = ${root}\ncomputer_id = COMP-1\nmaster_url = ${MASTER}\n` +
        `[slapformat]\npartition_amount = ${titles.length}\nuser_base_name = topuser\n` +
        'partition_base_name = slappart\n',
    );
    const partitions = titles.flatMap((title, index) =>
      title === null ? [] : [toPartition(title, index)],
    );
    const computer = { computerId: 'COMP-1', softwareReleases: [], partitions };
    const source = { computerId: 'COMP-1', masterUrl: MASTER };
    const file = join(root, 'var', 'slapos-master-document.json');
    writeFileSync(file, renderKeptDocument(source, 'tag', computer), { mode: 0o600 });
  }

  #makePartition(index: number): void {
    const home = join(this.run.root, `slappart${index}`);
    const uid = index === 0 ? SERVICE_UID : FIRST_UID + index;
    mkdirSync(join(home, '.slapgrid/promise/result'), { recursive: true });
    if (index > 0) appendToEtc('passwd', `topuser${index}:x:${uid}:${uid}::/:/bin/sh\n`);
    chownSync(home, uid, uid);
  }

  promises(index: number, texts: readonly PromiseText[]): void {
    const folder = join(this.run.root, `slappart${index}`, '.slapgrid/promise/result');
    for (const { hasFailed, message, title } of texts) {
      const date = new Date().toISOString().replace(/\.\d+Z$/, '+0000');
      const result = { type: 'Test Result', failed: hasFailed, date, message };
      writeFileSync(
        join(folder, `${title}.status.json`),
        JSON.stringify({ title, 'execution-time': 0.25, result }),
      );
    }
  }

  /** Runs a program as the user of a partition. */
  start(index: number, file: string, ...args: readonly string[]): ChildProcess {
    const uid = index === 0 ? SERVICE_UID : FIRST_UID + index;
    const child = spawn(file, args, { uid, gid: uid, cwd: '/', stdio: 'ignore' });
    this.#children.push(child);
    return child;
  }

  words(...args: readonly string[]): readonly string[] {
    return [SLAPOS, 'node', 'top', '--cfg', this.cfg, ...args];
  }

  /**
   * `node top` on a terminal of this size; `$TOP` is its command line.
   * @param shell what runs there, without single quotes
   */
  open(
    args: readonly string[] = [],
    {
      columns = 100,
      env = {},
      rows = 30,
      shell = 'exec $TOP',
    }: {
      readonly shell?: string;
      readonly columns?: number;
      readonly rows?: number;
      readonly env?: Readonly<Record<string, string>>;
    } = {},
  ): Terminal<FullScreen> {
    const screen = new FullScreen(columns, rows);
    const TOP = this.words(...args).join(' ');
    const variables = { LANG: 'C.UTF-8', TOP, PS1: 'prompt>', ...env };
    return new Terminal(`sh -c '${shell}'`, variables, { columns, rows, screen });
  }

  async remove(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await this.run.stop();
  }
}

function toPartition(title: string, index: number): SlapPartition {
  return {
    computerId: 'COMP-1',
    partitionId: `slappart${index}`,
    requestedState: 'started',
    needsModification: false,
    softwareReleaseUrl: 'https://example.com/software.cfg',
    instanceGuid: `SOFTINST-${index}`,
    title,
    parameters: { slap_software_type: 'default' },
    connection: {},
    filter: {},
    accessStatus: null,
  };
}
