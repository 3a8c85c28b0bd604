/**
 * Users and groups that only a name service knows: sssd, LDAP, systemd's userdb (nsswitch.conf(5)).
 * Asked through getent(1), whose process can be ended when a directory does not answer: getpwnam(3)
 * in ours could not, and a faulty module would take us with it.
 */
import type { ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { errorCode, errorMessage, HostError } from '../../errors/slapos-error.ts';
import { parseGroup, parsePasswd } from '../account.ts';
import type { NameAnswer, NameQuery } from '../host.ts';

export interface NameServiceOptions {
  /** nsswitch.conf(5). */
  readonly switchPath?: string;
  /** Program to ask, given as getent(1) is. */
  readonly getent?: string;
  readonly timeoutMs?: number;
}

type Database = 'passwd' | 'group';

const SWITCH_PATH = '/etc/nsswitch.conf';
/** As long as the lock of the account files is waited for. */
const TIMEOUT_MS = 15_000;
/** Keys for one process: far below what exec(2) takes. */
const KEYS_AT_ONCE = 4000;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** getent(1): "one or more supplied keys could not be found". */
const NOT_ALL_FOUND = 2;
/** systemd's users are those of this machine: a list of them costs what three questions do. */
const LISTED_SOURCE = 'systemd';
/** In passwd and group themselves, which are read as files. */
const LOCAL_SOURCE = 'files';

/** The sources that nsswitch.conf(5) names for a database, besides the local files. */
export function parseNameSources(text: string, database: Database): string[] {
  const line = text
    .split('\n')
    .map((each) => each.replace(/#.*/, ''))
    .findLast((each) => each.trimStart().startsWith(`${database}:`));
  return (line ?? '')
    .replace(/^\s*\w+:/, '')
    .replaceAll(/\[[^\]]*\]/g, ' ')
    .split(/\s+/)
    .filter((source) => source !== '' && source !== LOCAL_SOURCE);
}

/**
 * What the name service knows of the keys; nothing, at no cost, where it is only the local files.
 * @throws HostError SLAPOS_ERR_ACCOUNT when it does not answer in time.
 */
export async function lookUpNames(
  { users, groups }: NameQuery,
  options: NameServiceOptions = {},
): Promise<NameAnswer> {
  if (users.length + groups.length === 0) return { users: [], groups: [] };
  const text = await readSwitch(options.switchPath ?? SWITCH_PATH);
  const [passwd, group] = await Promise.all([
    ask('passwd', users, text, options),
    ask('group', groups, text, options),
  ]);
  const wantedUsers = new Set(users.map(String));
  const wantedGroups = new Set(groups.map(String));
  return {
    users: parsePasswd(passwd).filter(({ name, uid }) => {
      return wantedUsers.has(name) || wantedUsers.has(String(uid));
    }),
    groups: parseGroup(group).filter(({ name, gid }) => {
      return wantedGroups.has(name) || wantedGroups.has(String(gid));
    }),
  };
}

function isListed(source: string): boolean {
  return source === LISTED_SOURCE;
}

async function readSwitch(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    // Without the file glibc and musl look into the local files alone.
    if (errorCode(error) === 'ENOENT') return '';
    throw failure(`${path} cannot be read: ${errorMessage(error)}`, error);
  }
}

async function ask(
  database: Database,
  keys: ReadonlyArray<string | number>,
  switchText: string,
  options: NameServiceOptions,
): Promise<string> {
  const sources = parseNameSources(switchText, database);
  if (sources.length === 0) return '';
  const deadline = performance.now() + (options.timeoutMs ?? TIMEOUT_MS);
  const getent = options.getent ?? 'getent';
  const words = (some: readonly string[]) => [
    '-s',
    `${database}:${some.join(' ')}`,
    '--',
    database,
  ];
  const answers: string[] = [];
  const [listed, others] = [sources.filter(isListed), sources.filter((one) => !isListed(one))];
  if (listed.length > 0) answers.push(await runGetent(getent, words(listed), deadline));
  if (others.length === 0) return answers.join('');
  for (let start = 0; start < keys.length; start += KEYS_AT_ONCE) {
    const some = keys.slice(start, start + KEYS_AT_ONCE).map(String);
    // Not the local files once more, which getent would read from the start for each key.
    answers.push(await runGetent(getent, [...words(others), ...some], deadline));
  }
  return answers.join('');
}

async function spawnGetent(program: string, words: readonly string[]): Promise<ChildProcess> {
  const { spawn } = await import('node:child_process');
  try {
    return spawn(program, words, { stdio: ['ignore', 'pipe', 'ignore'] });
  } catch (error) {
    throw failure(`${program} cannot be run: ${errorMessage(error)}`, error);
  }
}

async function runGetent(
  program: string,
  words: readonly string[],
  deadline: number,
): Promise<string> {
  const child = await spawnGetent(program, words);
  return new Promise((resolve, reject) => {
    const give = (error: HostError) => {
      abandon(child);
      clearTimeout(timer);
      reject(error);
    };
    const timer = setTimeout(
      () => give(failure(`the name service does not answer`)),
      Math.max(0, deadline - performance.now()),
    );
    const pieces: Buffer[] = [];
    let sizeBytes = 0;
    // There is none when no pipe could be made; an error follows then.
    child.stdout?.on('data', (piece: Buffer) => {
      pieces.push(piece);
      sizeBytes += piece.length;
      if (sizeBytes > MAX_ANSWER_BYTES) give(failure(`${program} answers too much`));
    });
    child.stdout?.on('error', (error) =>
      give(failure(`the answer of ${program} cannot be read: ${errorMessage(error)}`, error)),
    );
    child.on('error', (error) =>
      give(failure(`${program} cannot be run: ${errorMessage(error)}`, error)),
    );
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      if (status === 0 || status === NOT_ALL_FOUND) resolve(Buffer.concat(pieces).toString('utf8'));
      else give(failure(`${program} ended with ${signal ?? status}`));
    });
  });
}

/** Not waited for: a process that a dead file server holds does not even end when it is killed. */
function abandon(child: ChildProcess): void {
  child.kill('SIGKILL');
  child.stdout?.destroy();
  child.unref();
}

function failure(problem: string, cause?: unknown): HostError {
  return new HostError(
    'SLAPOS_ERR_ACCOUNT',
    `Cannot tell which users and groups exist: ${problem}.`,
    { syscall: 'getent' },
    {
      cause,
      hint: 'Repair the name service (passwd and group in /etc/nsswitch.conf), then run again.',
    },
  );
}
