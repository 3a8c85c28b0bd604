/** Starts a program that looks for leaks, and gives what it tells. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { packageRoot } from '../../src/host/package/package-files.ts';

/** So few that a program which loses some soon has none; Node and its threads need about 25. */
const DESCRIPTORS = 400;
/** Compiled code comes and goes for thousands of passes; functions stay what they were read as. */
const FLAGS = ['--expose-gc', '--no-flush-bytecode', '--no-opt', '--no-sparkplug'];

export interface ProgramRun {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly errors: string;
}

export interface ProgramOptions {
  /** Libraries for LD_PRELOAD instead of the counter of malloc. */
  readonly preload?: string;
  /** Whose addon the program loads; this package when absent. */
  readonly packageFolder?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A program of `test/leak` as one file, with the counter of malloc beside it. */
export class LeakProgram {
  readonly folder: string;
  readonly countsFile: string;
  readonly #program: string;
  readonly #counter: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.countsFile = join(folder, 'counts');
    this.#program = join(folder, 'program.cjs');
    this.#counter = join(folder, 'malloc_count.so');
  }

  /** @param packageFolder whose addon it loads: this package, or a folder below it that looks like one */
  static async build(name: string, packageFolder = packageRoot()): Promise<LeakProgram> {
    // Below the package, whose addon and packages the program looks for.
    const builds = join(packageFolder, 'build', 'leak');
    mkdirSync(builds, { recursive: true });
    const program = new LeakProgram(mkdtempSync(join(builds, `${name}-`)));
    const sources = join(packageRoot(), 'test', 'leak');
    const flags = ['-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC'];
    const counter = join(sources, 'malloc_count.c');
    execFileSync('cc', [...flags, '-o', program.#counter, counter]);
    await build({
      entryPoints: [join(sources, `${name}.ts`)],
      outfile: program.#program,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      target: 'node20',
      packages: 'external',
      loader: { '.sql': 'text', '.html': 'text', '.css': 'text' },
      supported: { 'dynamic-import': false },
      logLevel: 'error',
    });
    return program;
  }

  /**
   * Runs it with options of its own as JSON.
   * @param onLine hears each line of its output, which is JSON
   */
  async run(
    options: object,
    onLine: (told: unknown) => void,
    { env = {}, preload = this.#counter }: ProgramOptions = {},
  ): Promise<ProgramRun> {
    const script = `ulimit -n ${DESCRIPTORS} && exec env LD_PRELOAD="$0" "$@"`;
    const words = [process.execPath, ...FLAGS, this.#program, JSON.stringify(options)];
    const child = spawn('/bin/sh', ['-c', script, preload, ...words], {
      cwd: packageRoot(),
      env: {
        ...process.env,
        SLAPOS_MALLOC_COUNTS: this.countsFile,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    createInterface({ input: child.stdout }).on('line', (line) => onLine(JSON.parse(line)));
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (status, signal) => resolve({ status, signal, errors }));
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
