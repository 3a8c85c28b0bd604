/** A machine without configuration, and a Master that it may join. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunOptions, type RunResult, runSlapos } from './run-slapos.ts';
import { type MasterOptions, StandInMaster } from './stand-in-master.ts';
import type { TestAuthority } from './test-authority.ts';

export class RegistrationScene {
  readonly folder = mkdtempSync(join(tmpdir(), 'slapos-register-'));
  /** Configuration folder of the node. */
  readonly etc = join(this.folder, 'slapos');
  readonly work = join(this.folder, '.slapos.registration');
  readonly caFile = join(this.folder, 'ca.pem');
  readonly master: StandInMaster;
  url = '';

  private constructor(master: StandInMaster) {
    this.master = master;
    chmodSync(this.folder, 0o755);
  }

  static async open(options?: MasterOptions, authority?: TestAuthority) {
    const scene = new RegistrationScene(new StandInMaster(options, authority));
    scene.url = await scene.master.listen();
    writeFileSync(scene.caFile, scene.master.authority.certificate);
    return scene;
  }

  async close(): Promise<void> {
    await this.master.close();
    rmSync(this.folder, { recursive: true });
  }

  /** Words that every command of a scene needs. */
  get trust(): readonly string[] {
    return [
      ...['--master-url', `${this.url}/`, '--master-url-web', this.url],
      ...['--master-ca-file', this.caFile],
    ];
  }

  register(words: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const cfg = ['--cfg', join(this.etc, 'slapos.cfg')];
    return runSlapos(['node', 'register', ...cfg, ...this.trust, ...words], options);
  }

  configureClient(words: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const cfg = ['--cfg', join(this.folder, 'client', 'slapos-client.cfg')];
    return runSlapos(['configure', 'client', ...cfg, ...this.trust, ...words], options);
  }

  read(...names: readonly string[]): string {
    return readFileSync(join(this.folder, ...names), 'utf8');
  }

  /** Names and modes below a folder; empty without it. */
  tree(name: string): readonly string[] {
    const path = join(this.folder, name);
    if (!existsSync(path)) return [];
    const mode = (lstatSync(path).mode & 0o7777).toString(8);
    const children = lstatSync(path).isDirectory() ? readdirSync(path).sort() : [];
    return [`${name} ${mode}`, ...children.flatMap((child) => this.tree(join(name, child)))];
  }

  /** Everything in the scene's folder but what a scene begins with. */
  get names(): readonly string[] {
    return readdirSync(this.folder)
      .filter((name) => name !== 'ca.pem')
      .sort();
  }
}
