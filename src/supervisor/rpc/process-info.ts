/** The structs of `getProcessInfo` and `getAllConfigInfo` (spec/supervisor.md 4.5). Pure. */
import type { ProcessInfo } from '../client.ts';
import type { ChannelConfig, GroupConfig, ProcessConfig } from '../configuration/program-config.ts';
import type { LogPaths } from '../process/managed-process.ts';
import { type ProcessStatus, STATE_CODES } from '../process/process-state.ts';
import type { RpcValue } from './xml-rpc.ts';

/** `0:00:05`, `1 day, 2:03:04`. */
export function renderUptime(seconds: number): string {
  const total = Math.max(0, Math.floor(seconds));
  const days = Math.floor(total / 86_400);
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = `${Math.floor((total % 86_400) / 3600)}:${two(Math.floor((total % 3600) / 60))}:${two(total % 60)}`;
  if (days === 0) return clock;
  return `${days} day${days === 1 ? '' : 's'}, ${clock}`;
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** `Nov 20 11:33 PM`, local time. */
export function renderStopTime(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = date.getHours();
  const clock = `${two(hours % 12 === 0 ? 12 : hours % 12)}:${two(date.getMinutes())}`;
  return `${MONTHS[date.getMonth()]} ${two(date.getDate())} ${clock} ${hours < 12 ? 'AM' : 'PM'}`;
}

export function renderDescription(status: ProcessStatus, nowMs: number): string {
  switch (status.state) {
    case 'RUNNING':
      return `pid ${status.pid}, uptime ${renderUptime(Math.floor(nowMs / 1000) - Math.floor(status.lastStartMs / 1000))}`;
    case 'FATAL':
    case 'BACKOFF':
      return status.spawnError === '' ? 'unknown error (try "tail NAME")' : status.spawnError;
    case 'STOPPED':
    case 'EXITED':
      return status.lastStartMs === 0
        ? 'Not started'
        : renderStopTime(new Date(status.lastStopMs === 0 ? nowMs : status.lastStopMs));
    default:
      return '';
  }
}

export function renderProcessInfo(
  process: {
    readonly groupName: string;
    readonly config: ProcessConfig;
    readonly logs: LogPaths;
    readonly status: ProcessStatus;
  },
  nowMs: number,
): ProcessInfo {
  const { status, logs } = process;
  return {
    name: process.config.name,
    group: process.groupName,
    start: Math.floor(status.lastStartMs / 1000),
    stop: Math.floor(status.lastStopMs / 1000),
    now: Math.floor(nowMs / 1000),
    state: STATE_CODES[status.state],
    statename: status.state,
    spawnerr: status.spawnError,
    exitstatus: status.exitStatus ?? 0,
    logfile: logs.stdout,
    stdout_logfile: logs.stdout,
    stderr_logfile: logs.stderr,
    pid: status.pid,
    description: renderDescription(status, nowMs),
  };
}

/** Missing values are `none`; a log whose name the daemon chooses is `auto` until it has one. */
function channelInfo(
  name: 'stdout' | 'stderr',
  channel: ChannelConfig,
  logs: LogPaths | undefined,
): Record<string, RpcValue> {
  const { target } = channel;
  const chosen = target.kind === 'auto' ? logs?.[name] : undefined;
  return {
    [`${name}_capture_maxbytes`]: channel.captureMaxBytes,
    [`${name}_events_enabled`]: channel.isEventsEnabled,
    [`${name}_logfile`]: target.kind === 'file' ? target.path : (chosen ?? target.kind),
    [`${name}_logfile_backups`]: channel.backups,
    [`${name}_logfile_maxbytes`]: channel.maxBytes,
    [`${name}_syslog`]: channel.isSyslog,
  };
}

export function renderConfigInfo(
  group: GroupConfig,
  config: ProcessConfig,
  isInUse: boolean,
  logs?: LogPaths,
): { readonly [member: string]: RpcValue } {
  return {
    autostart: config.isAutostart,
    autorestart: config.autoRestart,
    directory: config.directory ?? 'none',
    uid: config.uid ?? 'none',
    command: config.command,
    exitcodes: config.exitCodes,
    group: group.name,
    group_prio: group.priority,
    inuse: isInUse,
    killasgroup: config.isKillAsGroup,
    name: config.name,
    process_prio: config.priority,
    redirect_stderr: config.isStderrRedirected,
    startretries: config.startRetries,
    startsecs: config.startSecs,
    ...channelInfo('stdout', config.stdout, logs),
    stopsignal: config.stopSignal,
    stopwaitsecs: config.stopWaitSecs,
    ...channelInfo('stderr', config.stderr, logs),
    serverurl: config.serverUrl.toUpperCase() === 'AUTO' ? 'none' : config.serverUrl,
  };
}
