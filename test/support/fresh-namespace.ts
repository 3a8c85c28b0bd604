/**
 * Runs a script where nothing else is: private network, /etc, /srv and process table, gone when it
 * ends. Each scenario of a test starts on a new machine that way.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

export interface ScriptResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A script that waits for what never comes ends with its namespace. */
const SCRIPT_TIMEOUT_MS = 300_000;

const packageFolder = join(import.meta.dirname, '../..');

/** @param script for bash, started with -eu; `$SLAPOS_PACKAGE` is the folder of the package. */
export async function runInFreshNamespace(
  script: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ScriptResult> {
  const child = spawn(join(packageFolder, 'scripts/in-namespace.sh'), ['bash', '-euc', script], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: undefined, ...env },
    stdio: 'pipe',
    timeout: SCRIPT_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  child.stdin.end();
  const [stdout, stderr] = [child.stdout, child.stderr].map(async (stream) => {
    let text = '';
    for await (const piece of stream.setEncoding('utf8')) text += piece;
    return text;
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { status, stdout: (await stdout) ?? '', stderr: (await stderr) ?? '' };
}

/** Like {@link runInFreshNamespace}; a failing script is an error that shows what it wrote. */
export async function succeedInFreshNamespace(
  script: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { status, stdout, stderr } = await runInFreshNamespace(script, env);
  if (status === 0) return stdout;
  throw new Error(`The script ended with ${status}.\n${stdout}\n${stderr}`);
}
