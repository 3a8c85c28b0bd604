/**
 * Users and groups that are not in passwd(5) and group(5) but in a name service, one at a time and at
 * once, for those who cannot wait for a promise; `name-service.ts` asks for many.
 */
import { readFileSync, statSync } from 'node:fs';
import { parseGroup, parsePasswd } from '../account.ts';
import type { GroupEntry, PasswdEntry } from '../host.ts';
import { parseNameSources } from './name-service.ts';

export interface OutsideUsers {
  /** @param key a name or an id */
  findUser(key: string | number): PasswdEntry | undefined;
  findGroup(key: string | number): GroupEntry | undefined;
  /** Ids of the groups that have a user as a member. */
  listGroupsOf(name: string): readonly number[];
  /** A text that changes when an answer may be another one. */
  version(): string;
}

export interface OutsideOptions {
  /** nsswitch.conf(5). */
  readonly switchPath: string;
  /** Program to ask, given as getent(1) is. */
  readonly getent?: string;
  /** How long it may hold us up. */
  readonly timeoutMs?: number;
  /** A clock that is never set. */
  readonly nowMs?: () => number;
}

type Database = 'passwd' | 'group' | 'initgroups';

interface Answer {
  readonly text: string;
  readonly untilMs: number;
}

const TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 1024 * 1024;
/** A user that is there stays; one that is missing may just have been added. */
const KNOWN_MS = 600_000;
const UNKNOWN_MS = 10_000;

/** Costs nothing where nsswitch.conf(5) names only the local files. */
export function createOutsideUsers(options: OutsideOptions): OutsideUsers {
  const { getent = 'getent', switchPath, timeoutMs = TIMEOUT_MS } = options;
  const { nowMs = () => performance.now() } = options;
  const answers = new Map<string, Answer>();
  const readSources = createSourceReader(switchPath);
  let forgotten = 0;
  const ask = (database: Database, key: string | number): string => {
    const sources = readSources(database === 'initgroups' ? 'group' : database);
    if (sources.length === 0) return '';
    const id = `${database} ${key}`;
    const known = answers.get(id);
    if (known !== undefined && known.untilMs > nowMs()) return known.text;
    const source = `${database}:${sources.join(' ')}`;
    const text = runGetent(getent, ['-s', source, '--', database, String(key)], timeoutMs);
    answers.set(id, { text, untilMs: nowMs() + (text === '' ? UNKNOWN_MS : KNOWN_MS) });
    return text;
  };
  return {
    findUser: (key) =>
      parsePasswd(ask('passwd', key)).find((user) => user.name === key || user.uid === key),
    findGroup: (key) =>
      parseGroup(ask('group', key)).find((group) => group.name === key || group.gid === key),
    listGroupsOf: (name) => parseMemberships(ask('initgroups', name)),
    version() {
      for (const [id, { untilMs }] of answers) {
        if (untilMs > nowMs()) continue;
        answers.delete(id);
        forgotten += 1;
      }
      return String(forgotten);
    },
  };
}

/** Reads nsswitch.conf(5) again when it changed. */
function createSourceReader(path: string): (database: 'passwd' | 'group') => readonly string[] {
  let seen = '';
  let text = '';
  return (database) => {
    const status = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (status === undefined) return [];
    const version = `${status.ino}:${status.mtimeNs}:${status.size}`;
    if (version !== seen) text = readFileSync(path, 'utf8');
    seen = version;
    return parseNameSources(text, database);
  };
}

/** What getent(1) prints; empty when it knows nothing, or does not answer in time. */
function runGetent(program: string, words: readonly string[], timeoutMs: number): string {
  // Loaded here: most processes never ask.
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  const { status, stdout } = spawnSync(program, words, {
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: MAX_ANSWER_BYTES,
  });
  return status === 0 ? stdout : '';
}

/** `name gid gid …` */
function parseMemberships(text: string): readonly number[] {
  const words = text.trim().split(/\s+/).slice(1);
  return words.filter((word) => /^\d{1,10}$/.test(word)).map(Number);
}
