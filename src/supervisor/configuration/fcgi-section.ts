/** What `[fcgi-program:x]` adds to `[program:x]`: a listening socket (spec/supervisor.md 2.2). Pure. */
import type { SharedSocket } from './program-config.ts';
import { parseInteger, ValueError } from './value-types.ts';

export const FCGI_PREFIX = 'fcgi-program:';

/** Linux's own limit of a queue of connections. */
const DEFAULT_BACKLOG = 4096;

export interface SocketKeys {
  readonly sectionName: string;
  text(key: string): string | undefined;
  /** Ids of `user` or `user:group`; undefined when unknown. */
  findOwner(text: string): { readonly uid: number; readonly gid: number } | undefined;
  /** User of the program, the default owner. */
  readonly user: string | undefined;
}

function parseBacklog(text: string | undefined): number {
  if (text === undefined) return DEFAULT_BACKLOG;
  const backlog = /^\d+$/.test(text) ? Number(text) : 0;
  if (backlog < 1 || backlog > 65_535) throw new ValueError(`Invalid socket_backlog value ${text}`);
  return backlog;
}

function parseMode(text: string | undefined): number {
  if (text === undefined) return 0o700;
  if (/^(0o)?[0-7]{1,4}$/i.test(text)) return Number.parseInt(text.replace(/^0o/i, ''), 8);
  throw new ValueError(`Invalid socket_mode value ${text}`);
}

function parseUnix(path: string, keys: SocketKeys): SharedSocket['address'] {
  if (!path.startsWith('/')) {
    throw new ValueError(`Unix socket path ${path} is not an absolute path`);
  }
  const wanted = keys.text('socket_owner') ?? keys.user;
  const owner = wanted === undefined ? undefined : keys.findOwner(wanted);
  if (wanted !== undefined && owner === undefined) {
    throw new ValueError(`Invalid socket_owner value ${wanted}`);
  }
  const mode = parseMode(keys.text('socket_mode'));
  return { kind: 'unix', path, mode, ...(owner === undefined ? {} : { owner }) };
}

function parseTcp(text: string, keys: SocketKeys): SharedSocket['address'] {
  const match = /^tcp:\/\/(.*):(\d+)$/.exec(text);
  if (match === null) {
    throw new ValueError(`Bad socket format ${text} in [${keys.sectionName}] socket`);
  }
  if (keys.text('socket_owner') !== undefined || keys.text('socket_mode') !== undefined) {
    throw new ValueError(
      'socket_owner and socket_mode params should only be used with a Unix domain socket in ' +
        `[${keys.sectionName}] socket`,
    );
  }
  const host = match[1] ?? '';
  return {
    kind: 'tcp',
    host: /^\[.*\]$/.test(host) ? host.slice(1, -1) : host,
    port: parseInteger(match[2] ?? ''),
  };
}

/** @throws ValueError */
export function parseSharedSocket(keys: SocketKeys): SharedSocket {
  const text = keys.text('socket');
  if (text === undefined) {
    throw new ValueError(`[${keys.sectionName}] section requires a "socket" line`);
  }
  const address = text.startsWith('unix://')
    ? parseUnix(text.slice('unix://'.length), keys)
    : parseTcp(text, keys);
  return { url: text, address, backlog: parseBacklog(keys.text('socket_backlog')) };
}
