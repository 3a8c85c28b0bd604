/**
 * Python scripts of `console`, which crontabs are full of: an installed slapos.core runs them, with
 * the same configuration file, options and arguments (spec/cli.md 6.6).
 */
import { basename } from 'node:path';
import { ConfigError, SlaposError } from '../../errors/slapos-error.ts';
import { findProgram, listPrograms } from '../../host/process/find-program.ts';
import { runAttached } from '../../host/process/run-attached.ts';
import type { CommandContext } from '../command.ts';
import { exitCodeOf, exitCodeOfSignal } from '../exit-code.ts';
import { hasPythonShebang, readBeginning } from './script-file.ts';

/** Set for the program that we start: one that calls us again would never end. */
const GUARD = 'SLAPOS_CONSOLE_IN_PYTHON';

/** Where SlapOS is installed on a node. */
const INSTALLED = '/opt/slapos/bin/slapos';

/** The folder of the caller is no place to import from: root may stand in anybody's. */
const SAFE_IMPORTS = "import sys; sys.path[:1] == [''] and sys.path.pop(0)";
const MAIN = `${SAFE_IMPORTS}; sys.argv[0] = 'slapos'; from slapos.cli.entry import main; sys.exit(main())`;
const CHECK = `${SAFE_IMPORTS}; import slapos.cli.console`;

/**
 * Runs a script in the place of this process.
 * @returns its exit status.
 * @throws SlaposError SLAPOS_ERR_PYTHON_MISSING when there is nothing to run it with.
 */
export async function runPythonScript(context: CommandContext): Promise<number> {
  const { env, options, positionals, signal } = context;
  const [program, ...words] = await findPythonSlapos(context);
  const args = [...words, 'console', '--cfg', context.configPath];
  for (const name of ['master_url', 'key_file', 'cert_file']) {
    const value = options[name];
    if (typeof value === 'string') args.push(`--${name}=${value}`);
  }
  return runAttached({
    program,
    args: [...args, '--', ...positionals],
    env: { ...env, [GUARD]: '1' },
    signal,
    signalToPass,
  });
}

/** Ctrl-C reaches every program of the terminal, other signals only this process. */
function signalToPass(reason: unknown): NodeJS.Signals | undefined {
  if (exitCodeOf(reason) !== exitCodeOfSignal('SIGINT')) return 'SIGTERM';
  return process.stdin.isTTY === true ? undefined : 'SIGINT';
}

/** The words that start an installed slapos.core. Never a program of ours, nor one that calls us. */
async function findPythonSlapos(context: CommandContext): Promise<[string, ...string[]]> {
  const { config, env } = context;
  if (env[GUARD] !== undefined) throw missing('the slapos that was to run it is this one', context);
  const configured = config.get('slapconsole', 'python_slapos') || undefined;
  if (configured !== undefined) {
    const program = await findProgram(configured, env);
    if (program === undefined) throw unusable(configured, context);
    return isPython(program) ? [program, '-c', MAIN] : [program];
  }
  for (const program of [...(await listPrograms('slapos', env)), INSTALLED]) {
    if (isPythonProgram(program)) return [program];
  }
  const python = await findProgram('python3', env);
  if (python !== undefined && (await hasSlapos(python, context))) return [python, '-c', MAIN];
  throw missing('none was found', context);
}

function isPython(program: string): boolean {
  return /^python[\d.]*$/.test(basename(program));
}

/** Whether a program is a Python script; pip writes two lines of shell where the path is long. */
function isPythonProgram(path: string): boolean {
  const [first = '', second = ''] = readBeginning(path).split('\n');
  return (
    hasPythonShebang(first) || (/^#!\/bin\/sh/.test(first) && /^'''exec' .*python/.test(second))
  );
}

async function hasSlapos(python: string, { env, signal }: CommandContext): Promise<boolean> {
  const run = { program: python, args: ['-c', CHECK], env, signal, stdio: 'ignore' } as const;
  return (await runAttached({ ...run, signalToPass: () => 'SIGTERM' })) === 0;
}

function missing(reason: string, { positionals }: CommandContext): SlaposError {
  const message = `${positionals[0]} is a Python script, which slapos.core has to run: ${reason}.`;
  return new SlaposError('SLAPOS_ERR_PYTHON_MISSING', message, {
    hint: 'install slapos.core, name its slapos program or Python as python_slapos in section [slapconsole], or write the script in JavaScript',
  });
}

function unusable(path: string, { config }: CommandContext): ConfigError {
  const message = `python_slapos names ${path}, which is no program.`;
  return new ConfigError('SLAPOS_ERR_CONFIG_FILE', message, {
    hint: 'name the slapos program of slapos.core, or a Python that can import it',
    context: { file: config.path, section: 'slapconsole', key: 'python_slapos' },
  });
}
