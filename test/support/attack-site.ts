/**
 * A node with two partitions, their services under the real supervisor, that try to get at what is not
 * theirs (`attack.c`).
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createHostFiles } from '../../src/host/folder/host-files.ts';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { connectSupervisor } from '../../src/instance/open-supervisor.ts';
import { runInstance } from '../../src/instance/run-instance.ts';
import { silentLogger } from '../../src/log/logger.ts';
import { SupervisorClient } from '../../src/supervisor/client.ts';
import {
  ensureSupervisor,
  type SupervisorFilesOptions,
  writeSupervisorFiles,
} from '../../src/supervisor/launch.ts';
import { supervisorPaths } from '../../src/supervisor/layout.ts';
import { createGridSite, partitionUid, SOFTWARE_UID } from './grid-site.ts';
import { isAlive } from './keeper-run.ts';
import { until } from './supervisor-run.ts';

/** What an attack wrote to its log. */
export interface AttackReport {
  /** `ok` or the name of an errno, by attempt. */
  readonly tries: Readonly<Record<string, string>>;
  /** What the process was given; lines of one name are joined. */
  readonly facts: Readonly<Record<string, string>>;
  readonly env: readonly string[];
  /** Effective user of a program that is setuid root. */
  readonly setuidUser: number | undefined;
}

function parseReport(text: string): AttackReport {
  const tries: Record<string, string> = {};
  const facts: Record<string, string> = {};
  const env: string[] = [];
  let setuidUser: number | undefined;
  for (const line of text.split('\n')) {
    const [head = '', name = '', ...rest] = line.split(' ');
    if (head === '=' && name === 'env') env.push(rest.join(' '));
    else if (head === '=') facts[name] = rest.join(' ').trim();
    else if (/^\d+$/.test(line)) setuidUser = Number(line);
    else if (name !== '') tries[head] = name;
  }
  return { tries, facts, env, setuidUser };
}

export class AttackSite {
  readonly site = createGridSite({ partitions: 2 });
  readonly paths = supervisorPaths(this.site.instanceRoot);
  readonly client = new SupervisorClient(this.paths.socket);
  readonly softwareGid = SOFTWARE_UID;
  readonly openFolder = join(this.site.root, 'open');
  readonly #program = join(this.site.root, 'attack');
  readonly #setuidProgram = join(this.site.root, 'id');

  constructor() {
    const source = join(packageRoot(), 'test', 'support', 'attack.c');
    execFileSync('cc', ['-O1', '-Wall', '-Werror', '-o', this.#program, source]);
    copyFileSync('/usr/bin/id', this.#setuidProgram);
    chmodSync(this.#setuidProgram, 0o4755);
    mkdirSync(this.openFolder);
    chmodSync(this.openFolder, 0o1777);
    this.site.installSoftware();
    writeFileSync(join(this.site.softwareRoot, 'release'), 'built\n', { mode: 0o644 });
    for (const index of [0, 1]) this.site.write(index, 'secret', 'mine\n', 0o600);
  }

  /** Starts the supervisor as `node instance` does. */
  async launch(more: Partial<SupervisorFilesOptions> = {}): Promise<void> {
    await this.writeFiles(more);
    const { instanceRoot } = this.site;
    await ensureSupervisor({ files: createHostFiles(), instanceRoot, log: silentLogger });
  }

  async writeFiles(more: Partial<SupervisorFilesOptions> = {}): Promise<void> {
    await writeSupervisorFiles({
      files: createHostFiles(),
      instanceRoot: this.site.instanceRoot,
      masterUrl: 'http://127.0.0.1:1/',
      computerId: 'COMP-1',
      ...more,
    });
  }

  /** The lines that make a service of a partition attack the other one. */
  attackScript(index: number): string {
    const { instanceRoot, softwareRoot } = this.site;
    const other = join(instanceRoot, `slappart${1 - index}`);
    const words = [other, softwareRoot, instanceRoot, this.openFolder, this.#setuidProgram];
    return `#!/bin/sh\nexec ${this.#program} ${words.join(' ')}\n`;
  }

  /** Puts a service into a partition, for the next pass. */
  addService(index: number, name: string, script: string): void {
    this.site.write(index, `etc/service/${name}`, script, 0o700);
  }

  /** One pass of `node instance`. */
  pass(): Promise<number> {
    return runInstance(this.site.context({ force: true }), async () =>
      connectSupervisor(new SupervisorClient(this.paths.socket), silentLogger),
    );
  }

  logOf(index: number, name: string): string {
    return join(this.site.instanceRoot, `slappart${index}`, `.slappart${index}_${name}.log`);
  }

  /** What a finished attack says. */
  async report(index: number, name = 'attack'): Promise<AttackReport> {
    let text = '';
    const read = () => {
      text = existsSync(this.logOf(index, name))
        ? readFileSync(this.logOf(index, name), 'utf8')
        : '';
      return text.endsWith('done\n') ? parseReport(text) : undefined;
    };
    return until(read, `the attack of partition ${index}`).catch((error: Error) => {
      throw new Error(`${error.message}: ${text}`);
    });
  }

  uid(index: number): number {
    return partitionUid(index);
  }

  async remove(): Promise<void> {
    this.client.close();
    const pid = Number(readFileSync(this.paths.pidFile, 'utf8'));
    process.kill(pid, 'SIGTERM');
    await until(() => (isAlive(pid) ? undefined : true), 'the end of the keeper');
    // The attack leaves a file in the /tmp that it sees: that of all in the default profile.
    for (const index of [0, 1]) rmSync(join('/tmp', `kept-${this.uid(index)}`), { force: true });
    await this.site.remove();
  }
}
