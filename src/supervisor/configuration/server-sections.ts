/**
 * `[unix_http_server]` and `[inet_http_server]`, of which there may be several
 * (spec/supervisor.md 2.2). Pure.
 */
import { isAbsolute, join } from 'node:path';
import { type Expansions, expand } from './expansion.ts';
import { quote } from './ini.ts';
import type { Credentials, ServerConfig } from './program-config.ts';
import type { Section } from './program-sections.ts';
import { parseInteger, ValueError } from './value-types.ts';

export interface ServerSurroundings {
  readonly expansions: Expansions;
  readonly cwd: string;
  /** Ids of `user` or `user:group`, by name or number; undefined when unknown. */
  findOwner(text: string): { readonly uid: number; readonly gid: number } | undefined;
}

type Get = (key: string) => string | undefined;

function parseMode(text: string): number {
  if (/^(0o)?[0-7]+$/i.test(text)) return Number.parseInt(text.replace(/^0o/i, ''), 8);
  throw new ValueError(`Invalid chmod value ${text}`);
}

function parseCredentials(section: Section, get: Get): { readonly credentials?: Credentials } {
  const username = get('username');
  const password = get('password');
  if (username === undefined && password === undefined) return {};
  if (username !== undefined && password !== undefined) {
    return { credentials: { username, password } };
  }
  throw new ValueError(
    `Section [${section.name}] contains incomplete authentication: If a username or a password ` +
      'is specified, both the username and password must be specified',
  );
}

function parseUnix(section: Section, get: Get, around: ServerSurroundings): ServerConfig {
  const file = get('file');
  if (file === undefined) throw new ValueError(`section [${section.name}] has no file value`);
  const chown = get('chown');
  const owner = chown === undefined ? undefined : around.findOwner(chown);
  if (chown !== undefined && owner === undefined) {
    throw new ValueError(`Invalid sockchown value ${chown}`);
  }
  return {
    kind: 'unix',
    path: isAbsolute(file) ? file : join(around.cwd, file),
    mode: parseMode(get('chmod') ?? '0700'),
    ...(owner === undefined ? {} : { owner }),
    ...parseCredentials(section, get),
  };
}

const LOOPBACK = '127.0.0.1';

/**
 * `host:port`, `*:port` for every address (an empty host), or `port`, which upstream takes for
 * every address and we for loopback.
 */
export function parseInetAddress(text: string): { readonly host: string; readonly port: number } {
  const colon = text.lastIndexOf(':');
  const host = colon < 0 ? LOOPBACK : text.slice(0, colon);
  const port = parseInteger(colon < 0 ? text : text.slice(colon + 1));
  if (port < 1 || port > 65_535) throw new ValueError(`Invalid port ${quote(text)}`);
  const bare = /^\[.*\]$/.test(host) ? host.slice(1, -1) : host;
  return { host: bare === '*' ? '' : bare === '' ? LOOPBACK : bare, port };
}

function parseInet(section: Section, get: Get): ServerConfig {
  const port = get('port');
  if (port === undefined) throw new ValueError(`section [${section.name}] has no port value`);
  return { kind: 'inet', ...parseInetAddress(port), ...parseCredentials(section, get) };
}

/**
 * Where the daemon listens: unix sockets first, each kind in file order.
 * @throws ValueError
 */
export function parseServers(
  sections: Iterable<Section>,
  around: ServerSurroundings,
): ServerConfig[] {
  const unix: ServerConfig[] = [];
  const inet: ServerConfig[] = [];
  for (const section of sections) {
    const kind = /^(unix|inet)_http_server(:|$)/.exec(section.name)?.[1];
    if (kind === undefined) continue;
    const names = new Map(around.expansions).set('here', section.here);
    const get: Get = (key) => {
      const value = section.values.get(key);
      return value === undefined ? undefined : expand(value, names, `${section.name}.${key}`);
    };
    if (kind === 'unix') unix.push(parseUnix(section, get, around));
    else inet.push(parseInet(section, get));
  }
  return [...unix, ...inet];
}
