/** What a parsed configuration holds: values only, ready to be compared and journalled as JSON. */
import type { ServiceSettings } from '../../config/service-settings.ts';
import type { SharedSocketAddress } from '../../host/keeper/shared-socket.ts';
import type { AutoRestart, LogTarget } from './value-types.ts';

/** One output channel of a program. */
export interface ChannelConfig {
  readonly target: LogTarget;
  readonly maxBytes: number;
  readonly backups: number;
  readonly captureMaxBytes: number;
  readonly isEventsEnabled: boolean;
  readonly isSyslog: boolean;
}

/** A listening socket that processes share. */
export interface SharedSocket {
  readonly url: string;
  readonly address: SharedSocketAddress;
  readonly backlog: number;
}

/** One process of a program (spec/supervisor.md 2.3), everything expanded. */
export interface ProcessConfig {
  readonly name: string;
  /** Section that it comes from, without its prefix. */
  readonly program: string;
  readonly command: string;
  readonly priority: number;
  readonly isAutostart: boolean;
  readonly autoRestart: AutoRestart;
  readonly startSecs: number;
  readonly startRetries: number;
  readonly exitCodes: readonly number[];
  readonly stopSignal: number;
  readonly stopWaitSecs: number;
  readonly isStopAsGroup: boolean;
  readonly isKillAsGroup: boolean;
  /** User to run as; absent: as the daemon. */
  readonly uid?: number;
  readonly directory?: string;
  readonly umask?: number;
  readonly isStderrRedirected: boolean;
  readonly stdout: ChannelConfig;
  readonly stderr: ChannelConfig;
  readonly environment: Readonly<Record<string, string>>;
  /** `[fcgi-program:x]`: the socket that is its descriptor 0. */
  readonly socket?: SharedSocket;
  /** Value of SUPERVISOR_SERVER_URL; `AUTO` is the daemon's own. */
  readonly serverUrl: string;
}

/** What an event listener adds to its group. */
export interface ListenerConfig {
  readonly bufferSize: number;
  /** Event names in upper case. */
  readonly events: readonly string[];
}

export interface GroupConfig {
  readonly name: string;
  readonly priority: number;
  readonly processes: readonly ProcessConfig[];
  readonly listener?: ListenerConfig;
}

/** What a client of a server must show. */
export interface Credentials {
  readonly username: string;
  /** In clear, or `{SHA}` and the SHA-1 digest in hexadecimal. */
  readonly password: string;
}

/** One place where the daemon listens. */
export type ServerConfig =
  | {
      readonly kind: 'unix';
      readonly path: string;
      readonly mode: number;
      readonly owner?: { readonly uid: number; readonly gid: number };
      readonly credentials?: Credentials;
    }
  | {
      readonly kind: 'inet';
      /** Empty for every address. */
      readonly host: string;
      readonly port: number;
      readonly credentials?: Credentials;
    };

/** `[supervisord]`, `[unix_http_server]` and `[supervisorctl]` as far as the daemon uses them. */
export interface DaemonConfig {
  /** Undefined: the system log. */
  readonly logFile: string | undefined;
  readonly logMaxBytes: number;
  readonly logBackups: number;
  readonly logLevel: string;
  readonly pidFile: string;
  readonly identifier: string;
  readonly childLogDir: string;
  readonly isCleanupSkipped: boolean;
  readonly environment: Readonly<Record<string, string>>;
  /** Unix sockets first. */
  readonly servers: readonly ServerConfig[];
  readonly isInForeground: boolean;
  /** In the foreground, no lines on standard output. */
  readonly isSilent: boolean;
  /** User that the daemon itself becomes, by name or number. */
  readonly user: string | undefined;
  readonly umask: number;
  readonly directory: string | undefined;
  readonly isAnsiStripped: boolean;
  readonly services: ServiceSettings;
}

/** Everything that one reading of the files gave. */
export interface SupervisorConfig {
  readonly path: string;
  readonly daemon: DaemonConfig;
  /** In order of (priority, name). */
  readonly groups: readonly GroupConfig[];
  /** Files whose groups could not be read; they keep the groups that they had before. */
  readonly errors: readonly FileProblem[];
  readonly warnings: readonly string[];
}

export interface FileProblem {
  readonly file: string;
  /** With file, line and key where they are known. */
  readonly message: string;
  /** 0 when it is not about one. */
  readonly line: number;
  readonly section: string;
  readonly key: string;
}

/** A configuration that cannot be used at all: exit 2 at start, CANT_REREAD on reload. */
export class ConfigurationError extends Error {}
