/** From `[program:x]`, `[eventlistener:x]` and `[group:x]` sections to process and group values. */

import { isEventName } from '../event/event.ts';
import { parseEnvironment } from './environment.ts';
import { type Expansions, expand } from './expansion.ts';
import { FCGI_PREFIX, parseSharedSocket } from './fcgi-section.ts';
import { quote } from './ini.ts';
import type {
  ChannelConfig,
  GroupConfig,
  ListenerConfig,
  ProcessConfig,
  SharedSocket,
} from './program-config.ts';
import {
  parseAutoRestart,
  parseBoolean,
  parseByteSize,
  parseExitCodes,
  parseInteger,
  parseList,
  parseLogTarget,
  parseName,
  parseOctal,
  parseSignal,
  ValueError,
} from './value-types.ts';

/** A section merged from every file that has it. */
export interface Section {
  /** Full name, `program:x`. */
  readonly name: string;
  readonly file: string;
  /** `%(here)s`: folder of the file. */
  readonly here: string;
  readonly values: ReadonlyMap<string, string>;
}

/** What reading a section needs to know of the machine. */
export interface Surroundings {
  /** `here` is added from the section; holds host_node_name and the ENV_ names. */
  readonly expansions: Expansions;
  /** uid of a user given by name or number; undefined when passwd has none. */
  findUid(user: string): number | undefined;
  /** Ids of `user` or `user:group`; undefined when unknown. */
  findOwner(text: string): { readonly uid: number; readonly gid: number } | undefined;
  isDirectory(path: string): boolean;
  /** `[supervisord] environment`: part of the environment of every program. */
  readonly environment: ReadonlyMap<string, string>;
}

/** Reads the keys of one section, each expanded and typed. */
class SectionReader {
  readonly section: Section;
  readonly names: Map<string, string | number>;

  constructor(section: Section, names: Expansions) {
    this.section = section;
    this.names = new Map(names);
    this.names.set('here', section.here);
  }

  text(key: string): string | undefined {
    const value = this.section.values.get(key);
    if (value === undefined) return undefined;
    return aboutKey(key, () => expand(value, this.names, `${this.section.name}.${key}`));
  }

  get<T>(key: string, parse: (text: string) => T, fallback: T): T {
    const text = this.text(key);
    return text === undefined ? fallback : aboutKey(key, () => parse(text));
  }
}

/** Runs a parser; what it throws says which key it is about. */
function aboutKey<T>(key: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ValueError) error.key ??= key;
    throw error;
  }
}

function channel(
  reader: SectionReader,
  name: 'stdout' | 'stderr',
  around: Surroundings,
): ChannelConfig {
  const target = reader.get(`${name}_logfile`, parseLogTarget, { kind: 'auto' } as const);
  if (target.kind === 'file') {
    aboutKey(`${name}_logfile`, () => requireLogFolder(target.path, around));
  }
  return {
    target,
    maxBytes: reader.get(`${name}_logfile_maxbytes`, parseByteSize, 50 * 1024 ** 2),
    backups: reader.get(`${name}_logfile_backups`, parseInteger, 10),
    captureMaxBytes: reader.get(`${name}_capture_maxbytes`, parseByteSize, 0),
    isEventsEnabled: reader.get(`${name}_events_enabled`, parseBoolean, false),
    isSyslog: target.kind === 'syslog' || reader.get(`${name}_syslog`, parseBoolean, false),
  };
}

function requireLogFolder(path: string, around: Surroundings): void {
  const slash = path.lastIndexOf('/');
  const folder = slash < 0 ? '.' : path.slice(0, slash) || '/';
  if (!around.isDirectory(folder)) {
    throw new ValueError(`The directory named as part of the path ${path} does not exist`);
  }
}

function userOf(reader: SectionReader, around: Surroundings): { uid?: number } {
  const findUid = (user: string): number => {
    const uid = around.findUid(user);
    if (uid !== undefined) return uid;
    throw new ValueError(
      /^\d+$/.test(user) ? `Invalid user id ${user}` : `Invalid user name ${user}`,
    );
  };
  return optional('uid', reader.get('user', findUid, undefined as number | undefined));
}

function socketOf(reader: SectionReader, around: Surroundings): { socket?: SharedSocket } {
  const { name } = reader.section;
  if (!name.startsWith(FCGI_PREFIX)) return {};
  const socket = parseSharedSocket({
    sectionName: name,
    text: (key) => reader.text(key),
    findOwner: (text) => around.findOwner(text),
    user: reader.text('user'),
  });
  return { socket };
}

function stopKeys(reader: SectionReader): Pick<ProcessConfig, 'isStopAsGroup' | 'isKillAsGroup'> {
  const isStopAsGroup = reader.get('stopasgroup', parseBoolean, false);
  const isKillAsGroup = reader.get('killasgroup', parseBoolean, isStopAsGroup);
  if (isStopAsGroup && !isKillAsGroup) {
    aboutKey('killasgroup', () => {
      throw new ValueError('Cannot set stopasgroup=true and killasgroup=false');
    });
  }
  return { isStopAsGroup, isKillAsGroup };
}

function optional<K extends string, T>(key: K, value: T | undefined): { [P in K]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: T };
}

/** Environment of the program, and the names that it adds for the other keys. */
function programEnvironment(
  reader: SectionReader,
  { environment: common }: Surroundings,
): Record<string, string> {
  const environment = reader.get('environment', parseEnvironment, parseEnvironment(''));
  for (const [key, value] of environment) reader.names.set(`ENV_${key}`, value);
  return Object.fromEntries([...common, ...environment]);
}

function oneProcess(section: Section, names: Expansions, around: Surroundings): ProcessConfig {
  const reader = new SectionReader(section, names);
  const environment = programEnvironment(reader, around);
  const command = reader.text('command');
  if (command === undefined) {
    throw new ValueError(`program section ${section.name} does not specify a command`);
  }
  return {
    name: reader.get('process_name', parseName, String(names.get('program_name'))),
    program: String(names.get('program_name')),
    command,
    priority: reader.get('priority', parseInteger, 999),
    isAutostart: reader.get('autostart', parseBoolean, true),
    autoRestart: reader.get('autorestart', parseAutoRestart, 'unexpected' as const),
    startSecs: reader.get('startsecs', parseInteger, 1),
    startRetries: reader.get('startretries', parseInteger, 3),
    exitCodes: reader.get('exitcodes', parseExitCodes, [0]),
    stopSignal: reader.get('stopsignal', parseSignal, 15),
    stopWaitSecs: reader.get('stopwaitsecs', parseInteger, 10),
    ...stopKeys(reader),
    ...userOf(reader, around),
    ...socketOf(reader, around),
    ...optional('directory', reader.text('directory')),
    ...optional('umask', reader.get('umask', parseOctal, undefined as number | undefined)),
    isStderrRedirected: reader.get('redirect_stderr', parseBoolean, false),
    stdout: channel(reader, 'stdout', around),
    stderr: channel(reader, 'stderr', around),
    environment,
    serverUrl: reader.text('serverurl') ?? 'AUTO',
  };
}

/** Some 20 MB of ours for one section. */
const MAX_PROCESSES = 10_000;

/** Every process of a program section: one, or `numprocs` of them. */
export function parseProgram(
  section: Section,
  groupName: string,
  around: Surroundings,
): ProcessConfig[] {
  const program = parseName(section.name.slice(section.name.indexOf(':') + 1));
  const names = new Map<string, string | number>(around.expansions);
  names.set('program_name', program).set('group_name', groupName);
  const head = new SectionReader(section, names);
  const count = head.get('numprocs', parseInteger, 1);
  if (count > MAX_PROCESSES) throw new ValueError(`numprocs is more than ${MAX_PROCESSES}`);
  const first = head.get('numprocs_start', parseInteger, 0);
  if (count > 1 && !(section.values.get('process_name') ?? '').includes('%(process_num)')) {
    throw new ValueError('%(process_num) must be present within process_name when numprocs > 1');
  }
  names.set('numprocs', count);
  return Array.from({ length: count }, (_, index) => {
    return oneProcess(section, new Map(names).set('process_num', first + index), around);
  });
}

/** Later processes replace earlier ones of the same name, in the earlier one's place. */
function uniqueByName(processes: readonly ProcessConfig[]): ProcessConfig[] {
  return [...new Map(processes.map((process) => [process.name, process])).values()];
}

/** A program that no group lists: a group of its own name and priority. */
export function parseLoneProgram(section: Section, around: Surroundings): GroupConfig {
  const name = parseName(section.name.slice(section.name.indexOf(':') + 1));
  const processes = parseProgram(section, name, around);
  return { name, priority: processes[0]?.priority ?? 999, processes: uniqueByName(processes) };
}

/** `[group:x]` over the program sections that it lists. */
export function parseGroup(
  section: Section,
  programs: ReadonlyMap<string, Section>,
  around: Surroundings,
): GroupConfig {
  const name = parseName(section.name.slice('group:'.length));
  const reader = new SectionReader(section, around.expansions);
  const processes = listedPrograms(section, around).flatMap((program) => {
    const found = programs.get(program);
    if (found === undefined) {
      throw new ValueError(`[${section.name}] names unknown program or fcgi-program ${program}`);
    }
    return inSection(found, () => parseProgram(found, name, around));
  });
  const priority = reader.get('priority', parseInteger, 999);
  return { name, priority, processes: uniqueByName(processes) };
}

/** Names in the `programs` key of a group. */
export function listedPrograms(section: Section, around: Surroundings): string[] {
  const reader = new SectionReader(section, around.expansions);
  return parseList(reader.text('programs') ?? '').filter((word) => word !== '');
}

function listenerKeys(section: Section, around: Surroundings): ListenerConfig {
  const reader = new SectionReader(section, around.expansions);
  const bufferSize = reader.get('buffer_size', parseInteger, 10);
  if (bufferSize < 1)
    throw new ValueError(`[${section.name}] section sets invalid buffer_size (${bufferSize})`);
  const events = parseList(reader.text('events') ?? '').map((name) => name.toUpperCase());
  if (events.length === 0) {
    throw new ValueError(`[${section.name}] section requires an "events" line`);
  }
  const unknown = events.find((name) => !isEventName(name));
  if (unknown !== undefined) {
    throw new ValueError(`Unknown event type ${unknown} in [${section.name}] events`);
  }
  if (reader.get('redirect_stderr', parseBoolean, false)) {
    throw new ValueError(
      `[${section.name}] section sets redirect_stderr=true but this is not allowed because it ` +
        'will interfere with the eventlistener protocol',
    );
  }
  return { bufferSize, events };
}

/** `[eventlistener:x]`: a pool of listeners, a group of its own. */
export function parseListener(section: Section, around: Surroundings): GroupConfig {
  const name = parseName(section.name.slice('eventlistener:'.length));
  const listener = listenerKeys(section, around);
  const processes = parseProgram(section, name, around);
  const reader = new SectionReader(section, around.expansions);
  const priority = reader.get('priority', parseInteger, -1);
  return { name, priority, processes: uniqueByName(processes), listener };
}

/** Runs a parser and adds section and file to what it throws. */
export function inSection<T>(section: Section, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ValueError) || error instanceof LocatedError) throw error;
    const place = `in section ${quote(section.name)} (file: ${quote(section.file)})`;
    throw new LocatedError(`${error.message} ${place}`, section, error.key);
  }
}

/** A wrong value with the section, and the key if one is known, that it stands in. */
export class LocatedError extends ValueError {
  readonly section: Section;

  constructor(message: string, section: Section, key: string | undefined) {
    super(message);
    this.section = section;
    this.key = key;
  }
}
