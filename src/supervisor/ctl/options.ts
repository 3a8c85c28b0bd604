/** Options and configuration of supervisorctl (spec/supervisor.md 5). */
import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { errorCode } from '../../errors/slapos-error.ts';
import { type ClientTarget, parseServerUrl } from '../client.ts';
import { hereOf } from '../configuration/configuration-files.ts';
import { expand } from '../configuration/expansion.ts';
import { parseIni } from '../configuration/ini.ts';

/** A bad option or configuration: exit 2. */
export class CtlUsageError extends Error {}

export interface CtlOptions {
  readonly target: ClientTarget;
  readonly prompt: string;
  readonly historyFile: string | undefined;
  readonly isInteractive: boolean;
  readonly isHelp: boolean;
  /** The action and its words; empty for a shell. */
  readonly words: readonly string[];
}

interface Option {
  readonly key: string;
  readonly hasValue: boolean;
}

const OPTIONS: Readonly<Record<string, Option>> = {
  '-c': { key: 'configuration', hasValue: true },
  '--configuration': { key: 'configuration', hasValue: true },
  '-s': { key: 'serverurl', hasValue: true },
  '--serverurl': { key: 'serverurl', hasValue: true },
  '-u': { key: 'username', hasValue: true },
  '--username': { key: 'username', hasValue: true },
  '-p': { key: 'password', hasValue: true },
  '--password': { key: 'password', hasValue: true },
  '-r': { key: 'history_file', hasValue: true },
  '--history-file': { key: 'history_file', hasValue: true },
  '-i': { key: 'interactive', hasValue: false },
  '--interactive': { key: 'interactive', hasValue: false },
  '-h': { key: 'help', hasValue: false },
  '--help': { key: 'help', hasValue: false },
};

interface Words {
  readonly values: ReadonlyMap<string, string>;
  readonly rest: readonly string[];
}

/** `-cF`, `--configuration=F` and `-c F`, in that order. */
function splitOption(word: string): { readonly flag: string; readonly value: string | undefined } {
  if (word.startsWith('--')) {
    const equals = word.indexOf('=');
    if (equals > 0) return { flag: word.slice(0, equals), value: word.slice(equals + 1) };
    return { flag: word, value: undefined };
  }
  return { flag: word.slice(0, 2), value: word.length > 2 ? word.slice(2) : undefined };
}

/** An option by its name, or a long one by an unambiguous beginning of it. */
function findOption(flag: string): Option & { readonly name: string } {
  const exact = OPTIONS[flag];
  if (exact !== undefined) return { name: flag, ...exact };
  const found = flag.startsWith('--')
    ? Object.entries(OPTIONS).filter(([name]) => name.startsWith(flag))
    : [];
  const [only] = found;
  if (only === undefined) throw new CtlUsageError(`option ${flag} not recognized`);
  if (found.length > 1) throw new CtlUsageError(`option ${flag} not a unique prefix`);
  return { name: only[0], ...only[1] };
}

function parseWords(argv: readonly string[]): Words {
  const values = new Map<string, string>();
  let at = 0;
  for (; at < argv.length; at += 1) {
    const word = argv[at] as string;
    if (word === '--') return { values, rest: argv.slice(at + 1) };
    if (!word.startsWith('-') || word === '-') break;
    const { flag, value } = splitOption(word);
    const option = findOption(flag);
    if (!option.hasValue) {
      if (value !== undefined && word.startsWith('--')) {
        throw new CtlUsageError(`option ${option.name} must not have an argument`);
      }
      values.set(option.key, '1');
      continue;
    }
    const given = value ?? argv[++at];
    if (given === undefined) throw new CtlUsageError(`option ${option.name} requires argument`);
    values.set(option.key, given);
  }
  return { values, rest: argv.slice(at) };
}

const SEARCHED = [
  'supervisord.conf',
  'etc/supervisord.conf',
  '/etc/supervisord.conf',
  '/etc/supervisor/supervisord.conf',
];

type Env = Readonly<Record<string, string | undefined>>;

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    throw new CtlUsageError(`could not find config file ${path}`);
  }
}

/** The `[supervisorctl]` section of the main file, expanded. */
function readSection(path: string, env: Env): ReadonlyMap<string, string> {
  try {
    const file = parseIni(path, readText(path));
    const section = file.sections.get('supervisorctl');
    if (section === undefined) {
      throw new CtlUsageError('.ini file does not include supervisorctl section');
    }
    const names = new Map<string, string>([
      ['here', hereOf(resolve(path))],
      ['host_node_name', hostname()],
      ...Object.entries(env).map(([key, value]): [string, string] => [`ENV_${key}`, value ?? '']),
    ]);
    const merged = new Map([...file.defaults, ...section]);
    return new Map([...merged].map(([k, v]) => [k, expand(v, names, `supervisorctl.${k}`)]));
  } catch (error) {
    throw error instanceof CtlUsageError ? error : new CtlUsageError((error as Error).message);
  }
}

function parseTarget(url: string): ClientTarget {
  try {
    return parseServerUrl(url);
  } catch {
    throw new CtlUsageError(`invalid value for -s '${url}': value '${url}' is not a URL`);
  }
}

/**
 * Reads the command line and the configuration that it names.
 * @throws CtlUsageError
 */
export function readCtlOptions(argv: readonly string[], env: Env, cwd: string): CtlOptions {
  const { values, rest } = parseWords(argv);
  const found = SEARCHED.map((name) => resolve(cwd, name)).find((path) => existsSync(path));
  const path = values.get('configuration') ?? found;
  const needsFile = values.has('configuration') || !values.has('serverurl');
  const section =
    path !== undefined && needsFile && !values.has('help')
      ? readSection(resolve(cwd, path), env)
      : new Map<string, string>();
  const get = (key: string) => values.get(key) ?? section.get(key);
  const username = get('username');
  const password = get('password');
  return {
    target: {
      ...parseTarget(get('serverurl') ?? 'http://localhost:9001'),
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
    },
    prompt: section.get('prompt') ?? 'supervisor',
    historyFile: get('history_file'),
    isInteractive: rest.length === 0 || values.has('interactive'),
    isHelp: values.has('help'),
    words: rest,
  };
}
