/** Where the supervisor's files are, and its main file (spec/supervisor.md 1.1). Pure. */

import { join } from 'node:path';
import { DEFAULT_SERVICE_SETTINGS, type ServiceSettings } from '../config/service-settings.ts';
import { ConfigError } from '../errors/slapos-error.ts';
import { renderServiceSection } from './configuration/service-section.ts';

export interface SupervisorPaths {
  readonly instanceRoot: string;
  readonly configuration: string;
  /** Folder of the group files. */
  readonly groupFolder: string;
  readonly socket: string;
  /** Socket of old installations: used instead of `sv.sock` while it exists. */
  readonly legacySocket: string;
  readonly logFile: string;
  readonly pidFile: string;
  /** What the keeper remembers of its children. */
  readonly journal: string;
}

export function supervisorPaths(instanceRoot: string): SupervisorPaths {
  return {
    instanceRoot,
    configuration: join(instanceRoot, 'etc', 'supervisord.conf'),
    groupFolder: join(instanceRoot, 'etc', 'supervisord.conf.d'),
    socket: join(instanceRoot, 'sv.sock'),
    legacySocket: join(instanceRoot, 'supervisord.socket'),
    logFile: join(instanceRoot, 'var', 'log', 'supervisord.log'),
    pidFile: join(instanceRoot, 'var', 'run', 'supervisord.pid'),
    journal: join(instanceRoot, 'var', 'run', 'supervisord.state'),
  };
}

export interface WatchdogOptions {
  /** First words of the command line: the path of `slapos-watchdog`. */
  readonly program: string;
  readonly masterUrl: string;
  readonly computerId: string;
  readonly certificateRepositoryPath?: string;
  readonly instanceRoot: string;
  /** Authorities that signed the Master's certificate, when not those of the system. */
  readonly masterCaFile?: string;
  /** Default true. */
  readonly isMasterVerified?: boolean;
}

/** Names in the watchdog's environment: upstream's watchdog refuses options that it does not know. */
export const MASTER_CA_FILE = 'SLAPOS_MASTER_CA_FILE';
export const MASTER_TLS_VERIFY = 'SLAPOS_MASTER_TLS_VERIFY';

/**
 * Environment of the watchdog; '' when it needs none, as upstream's.
 * @throws ConfigError SLAPOS_ERR_CONFIG_VALUE for a path that supervisord's language cannot say.
 */
export function renderWatchdogEnvironment(
  options: Pick<WatchdogOptions, 'masterCaFile' | 'isMasterVerified'>,
): string {
  const { masterCaFile: file, isMasterVerified = true } = options;
  if (file !== undefined && (/[\n\r]/.test(file) || (file.includes('"') && file.includes("'")))) {
    throw new ConfigError('SLAPOS_ERR_CONFIG_VALUE', `master_ca_file has both quotes: ${file}`, {
      hint: 'Give the file a plainer name.',
    });
  }
  const mark = file?.includes('"') ? "'" : '"';
  return [
    ...(file === undefined ? [] : [`${MASTER_CA_FILE}=${mark}${file}${mark}`]),
    ...(isMasterVerified ? [] : [`${MASTER_TLS_VERIFY}=false`]),
  ].join(',');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}

/** Command line of the watchdog listener; the two blanks after the URL are upstream's. */
export function renderWatchdogCommand(options: WatchdogOptions): string {
  const repository = options.certificateRepositoryPath;
  const certificates =
    repository === undefined ? '' : `--certificate-repository-path ${quoted(repository)} `;
  return (
    `${options.program} --master-url ${quoted(options.masterUrl)}  ${certificates}` +
    `--computer-id ${quoted(options.computerId)} --instance-root ${quoted(options.instanceRoot)}`
  );
}

/** `%` starts an expansion in this language. */
function literal(text: string): string {
  return text.replaceAll('%', '%%');
}

/** The main file. `socket` is the one of {@link SupervisorPaths} that is in use. */
export function renderMainFile(
  paths: SupervisorPaths,
  socket: string,
  watchdogCommand: string,
  services: ServiceSettings = DEFAULT_SERVICE_SETTINGS,
  watchdogEnvironment = '',
): string {
  const environment =
    watchdogEnvironment === '' ? '' : `environment=${literal(watchdogEnvironment)}\n`;
  return `[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[include]
files = ${literal(paths.groupFolder)}/*.conf

[supervisorctl]
serverurl = unix://${literal(socket)}

[supervisord]
loglevel = info
logfile = ${literal(paths.logFile)}
logfile_maxbytes = 50MB
nodaemon = false
pidfile = ${literal(paths.pidFile)}
logfile-backups = 10

[unix_http_server]
file=${literal(socket)}
chmod=0700

[eventlistener:watchdog]
command=${literal(watchdogCommand)}
events=PROCESS_STATE_EXITED, PROCESS_STATE_FATAL
${environment}${renderServiceSection(services)}`;
}
