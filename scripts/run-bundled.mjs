// Runs a TypeScript program of the repository that is no part of the package (a benchmark, a
// campaign) against what the sources are now: builds addon and bundles first, says so on standard
// error only, and sets up a clean clone by itself.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs a script of this folder; its output is shown only when it fails. */
function runScript(name, args = []) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'scripts', name), ...args],
    { cwd: root, encoding: 'utf8' },
  );
  if (status === 0) return;
  process.stderr.write(`${stdout}${stderr}\n${name} failed, its messages stand above\n`);
  process.exit(1);
}

function buildPackage(title) {
  if (!existsSync(join(root, 'node_modules', 'esbuild'))) {
    process.stderr.write(`${title}: setting up a clean clone, a few minutes\n`);
    return runScript('setup.mjs');
  }
  if (!existsSync(join(root, 'build', 'Release', 'slapos_native.node'))) {
    process.stderr.write(`${title}: building the addon\n`);
  }
  runScript('build-native.mjs', ['--loglevel=error']);
  return runScript('build.mjs');
}

/** Bundles a program into `build/`. */
async function bundle(folder, name) {
  const outfile = join(root, 'build', folder, `${name}.js`);
  const { build } = await import('esbuild');
  await build({
    entryPoints: [join(root, folder, `${name}.ts`)],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    packages: 'external',
    logLevel: 'warning',
  });
  return outfile;
}

/**
 * Runs `<folder>/NAME.ts`, NAME being the first word of the command line, the rest for the program,
 * and ends with its status. NODE_EXTRA_CA_CERTS, which costs every start of Node 70 ms, is taken
 * out of the environment.
 * @param title what `npm run` calls it
 */
export async function runBundled(title, folder) {
  const names = readdirSync(join(root, folder))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -'.ts'.length));
  const [name, ...args] = process.argv.slice(2);
  if (name === undefined || !names.includes(name)) {
    const usage = `usage: npm run ${title} -- NAME [OPTION...]\nNAME is one of: ${names.join(', ')}\n`;
    process.stderr.write(usage);
    process.exit(2);
  }
  buildPackage(title);
  const program = await bundle(folder, name);
  const env = { ...process.env };
  delete env['NODE_EXTRA_CA_CERTS'];
  const { status } = spawnSync(process.execPath, [program, ...args], { stdio: 'inherit', env });
  process.exit(status ?? 1);
}
