/** `[supervisord]` and the server section: what the daemon itself needs (spec/supervisor.md 2.2). */
import { isAbsolute, join } from 'node:path';
import { DEFAULT_SERVICE_SETTINGS, type ServiceSettings } from '../../config/service-settings.ts';
import { parseEnvironment } from './environment.ts';
import { type Expansions, expand } from './expansion.ts';
import { ConfigurationError, type DaemonConfig } from './program-config.ts';
import { inSection, type Section } from './program-sections.ts';
import { parseServers } from './server-sections.ts';
import { parseServiceSection } from './service-section.ts';
import {
  parseBoolean,
  parseByteSize,
  parseInteger,
  parseOctal,
  ValueError,
} from './value-types.ts';

const LEVELS = ['critical', 'error', 'warn', 'info', 'debug', 'trace', 'blather'] as const;

export interface DaemonSurroundings {
  readonly expansions: Expansions;
  readonly cwd: string;
  readonly temporaryFolder: string;
  /** Ids of `user` or `user:group`; undefined when unknown. */
  findOwner(text: string): { readonly uid: number; readonly gid: number } | undefined;
}

type Get = (key: string) => string | undefined;

function reader(section: Section, expansions: Expansions): Get {
  const names = new Map(expansions).set('here', section.here);
  return (key) => {
    const value = section.values.get(key);
    return value === undefined ? undefined : expand(value, names, `${section.name}.${key}`);
  };
}

function logLevel(get: Get): string {
  const word = (get('loglevel') ?? 'info').toLowerCase();
  const level = { crit: 'critical', warning: 'warn' }[word] ?? word;
  if (LEVELS.some((known) => known === level)) return level;
  throw new ValueError(`bad logger level name '${word}'`);
}

function readServices(section: Section | undefined, expansions: Expansions): ServiceSettings {
  if (section === undefined) return DEFAULT_SERVICE_SETTINGS;
  return inSection(section, () => parseServiceSection(reader(section, expansions)));
}

function daemonKeys(
  get: Get,
  around: DaemonSurroundings,
): Omit<DaemonConfig, 'servers' | 'services'> {
  const absolute = (path: string) => (isAbsolute(path) ? path : join(around.cwd, path));
  const directory = get('directory');
  const logFile = get('logfile') ?? 'supervisord.log';
  return {
    logFile: logFile.toLowerCase() === 'syslog' ? undefined : absolute(logFile),
    logMaxBytes: parseByteSize(get('logfile_maxbytes') ?? '50MB'),
    logBackups: parseInteger(get('logfile_backups') ?? '10'),
    logLevel: logLevel(get),
    pidFile: absolute(get('pidfile') ?? 'supervisord.pid'),
    identifier: get('identifier') ?? 'supervisor',
    childLogDir: absolute(get('childlogdir') ?? around.temporaryFolder),
    isCleanupSkipped: parseBoolean(get('nocleanup') ?? 'false'),
    environment: Object.fromEntries(parseEnvironment(get('environment') ?? '')),
    isInForeground: parseBoolean(get('nodaemon') ?? 'false'),
    isSilent: parseBoolean(get('silent') ?? 'false'),
    user: get('user'),
    umask: parseOctal(get('umask') ?? '022'),
    directory: directory === undefined ? undefined : absolute(directory),
    isAnsiStripped: parseBoolean(get('strip_ansi') ?? 'false'),
  };
}

/**
 * Reads the daemon's own keys.
 * @throws ConfigurationError when there is no `[supervisord]` or a value is wrong.
 */
export function parseDaemon(
  sections: ReadonlyMap<string, Section>,
  around: DaemonSurroundings,
): DaemonConfig {
  const section = sections.get('supervisord');
  if (section === undefined) {
    throw new ConfigurationError('.ini file does not include supervisord section');
  }
  try {
    const keys = inSection(section, () => daemonKeys(reader(section, around.expansions), around));
    const services = readServices(sections.get('slapos'), around.expansions);
    return { ...keys, servers: parseServers(sections.values(), around), services };
  } catch (error) {
    if (error instanceof ValueError) throw new ConfigurationError(error.message);
    throw error;
  }
}
