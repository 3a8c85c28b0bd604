/** Programs in C of what partitions do, built into a folder that every user can read. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../src/host/package/package-files.ts';

/** Compiles `test/support/<name>.c`. */
export function compileProgram(name: string, folder: string): string {
  const program = join(folder, name);
  const source = join(packageRoot(), 'test', 'support', `${name}.c`);
  const words = ['-O1', '-Wall', '-Wextra', '-Werror', '-pthread', '-o', program, source, '-lrt'];
  execFileSync('cc', words);
  return program;
}

/** `hostile.c`, run as users of partitions. */
export class HostileProgram {
  readonly folder = mkdtempSync('/srv/hostile-');
  readonly #children: ChildProcess[] = [];
  readonly program: string;

  constructor() {
    this.program = compileProgram('hostile', this.folder);
  }

  /** Starts it as a user, and waits until it has begun; gives its pid. */
  async start(uid: number, ...words: readonly string[]): Promise<number> {
    await chmod(this.folder, 0o755);
    const child = spawn(this.program, words, {
      uid,
      gid: uid,
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    await new Promise<void>((resolve, reject) => {
      child.stdout?.once('data', () => resolve());
      child.once('exit', (status) => reject(new Error(`hostile ${words[0]} ended: ${status}`)));
    });
    return child.pid as number;
  }

  /** Ends what was started, not what that started itself. */
  end(): void {
    for (const child of this.#children.splice(0)) child.kill('SIGKILL');
  }

  remove(): void {
    this.end();
    rmSync(this.folder, { recursive: true });
  }
}
