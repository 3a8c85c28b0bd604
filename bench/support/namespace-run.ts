/** Running shell text in fresh namespaces, and telling about the machine. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpus, loadavg, release } from 'node:os';
import { join } from 'node:path';

export const packageFolder = join(__dirname, '../..');
/** Where bundles, programs and input lie; inside the namespaces it is INSIDE. */
export const outputFolder = join(packageFolder, 'build', 'bench');
export const INSIDE = '/srv/slapos-node/build/bench';

const loadBefore = loadavg()[0];

/** Ends the benchmark with one line. */
export function fail(text: string): never {
  process.stderr.write(`bench: ${text}\n`);
  process.exit(1);
}

export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status === 0;
}

/**
 * Lines `NAME VALUE` that a script prints.
 * @throws Error with what it wrote when it fails
 */
export function runScript(script: string): Array<readonly [string, string]> {
  const command = join(packageFolder, 'scripts/in-namespace.sh');
  const run = spawnSync(command, ['bash', '-euc', script], {
    cwd: packageFolder,
    encoding: 'utf8',
  });
  if (run.status !== 0) {
    throw new Error(`a run ended with ${run.status}: ${run.stderr.trim() || run.error}`);
  }
  const lines = run.stdout.trim().split('\n');
  return lines.map((line) => [line.split(' ', 1)[0] ?? '', line.slice(line.indexOf(' ') + 1)]);
}

/**
 * Hardware, versions and load.
 * @param peers versions of what is compared with, by name
 */
export function describeMachine(peers: Readonly<Record<string, string>>): Record<string, string> {
  const [first] = cpus();
  const load = (value: number | undefined) => value?.toFixed(1) ?? '';
  return {
    processors: `${cpus().length} × ${first?.model ?? 'cpu'}`,
    kernel: `Linux ${release()}`,
    node: `Node ${process.version}`,
    ...peers,
    load: `load ${load(loadBefore)} before, ${load(loadavg()[0])} after`,
  };
}

/** The first line that a program prints about its version. */
export function firstLineOf(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8' }).split('\n')[0] ?? '';
}

/**
 * Runs a benchmark, which calls this last, in private namespaces that end with it: outside of them
 * it starts itself once more inside.
 * @param name of the bundle of the benchmark in outputFolder
 * @param nodeOptions such as `--expose-gc`
 */
export function runInNamespaces(
  name: string,
  main: () => Promise<void>,
  nodeOptions: readonly string[] = [],
): void {
  if (process.env['SLAPOS_TEST_NAMESPACE'] !== '1') {
    const script = join(packageFolder, 'scripts', 'in-namespace.sh');
    const bundle = join(outputFolder, `${name}.js`);
    const args = [script, process.execPath, ...nodeOptions, bundle, ...process.argv.slice(2)];
    const run = spawnSync('sh', args, { stdio: 'inherit', cwd: packageFolder });
    process.exit(run.status ?? 1);
  }
  main().then(
    () => process.exit(0),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
      process.exit(1);
    },
  );
}
