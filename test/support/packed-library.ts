/** The package as `npm pack` makes it, installed in a folder of a program that uses it. */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
/** What building takes; what is packed besides (native code, programs) is no matter here. */
const SOURCES = ['package.json', 'README.md', 'LICENSE', 'src', 'tsconfig.json', 'scripts'];

function run(command: string, args: readonly string[], cwd: string): string {
  const result = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, npm_config_offline: 'true', npm_config_cache: join(cwd, 'npm-cache') },
  });
  const output = `${result.stdout}${result.stderr}`;
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${output}`);
  return result.stdout;
}

/** Builds and packs a copy of the sources, and unpacks it into node_modules of a new folder. */
export function installPackedLibrary() {
  const folder = mkdtempSync(join(tmpdir(), 'slapos-package-'));
  const source = join(folder, 'source');
  for (const name of SOURCES) cpSync(join(root, name), join(source, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(source, 'node_modules'));
  run(process.execPath, ['scripts/build.mjs'], source);
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts'], source)) as Array<{
    readonly filename: string;
    readonly files: ReadonlyArray<{ readonly path: string }>;
  }>;
  const program = join(folder, 'program');
  const installed = join(program, 'node_modules', 'slapos-node');
  mkdirSync(installed, { recursive: true });
  const unpack = ['-xzf', join(source, packed?.filename ?? ''), '--strip-components=1'];
  run('tar', [...unpack, '-C', installed], folder);
  return {
    program,
    files: packed?.files.map(({ path }) => path) ?? [],
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** Runs a program to its end beside what this process serves. */
export async function runProgram(
  folder: string,
  name: string,
  text: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number | null; readonly output: string }> {
  writeFileSync(join(folder, name), text);
  const child = spawn(process.execPath, [name], { cwd: folder, env: { ...process.env, ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (piece: string) => {
      output += piece;
    });
  }
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  return { status, output };
}

/** What a strict compiler says of a program; nothing when all is well. */
export function compileProgram(folder: string, name: string, text: string): string {
  const types = join(folder, 'node_modules', '@types');
  rmSync(types, { force: true });
  symlinkSync(join(root, 'node_modules', '@types'), types);
  writeFileSync(join(folder, name), text);
  const options = {
    target: 'es2023',
    lib: ['es2023'],
    module: 'nodenext',
    types: ['node'],
    noEmit: true,
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: name.endsWith('.mts'),
    skipLibCheck: false,
  };
  const configuration = join(folder, 'tsconfig.json');
  writeFileSync(configuration, JSON.stringify({ compilerOptions: options, files: [name] }));
  const compiler = join(root, 'node_modules', '.bin', 'tsc');
  return spawnSync(compiler, ['-p', configuration], { encoding: 'utf8' }).stdout;
}
