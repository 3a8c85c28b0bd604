/** Who may use a server of the daemon: peer credentials on a unix socket, a password anywhere. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { loadNative, type NativeAddon } from '../../host/native.ts';
import type { Credentials, ServerConfig } from '../configuration/program-config.ts';

const SHA_MARK = '{SHA}';
const GROUP_OR_OTHER = 0o077;

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Compares in a time that tells nothing. */
function isSame(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

function isPassword(given: string, wanted: string): boolean {
  if (!wanted.startsWith(SHA_MARK)) return isSame(given, wanted);
  const hash = createHash('sha1').update(given).digest('hex');
  return isSame(hash, wanted.slice(SHA_MARK.length).toLowerCase());
}

/** True when an `Authorization` header shows the user name and password. Pure. */
export function isAuthorized(header: string | undefined, wanted: Credentials): boolean {
  const token = /^basic +(\S+) *$/i.exec(header ?? '')?.[1];
  if (token === undefined) return false;
  const text = Buffer.from(token, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 0) return false;
  const isUser = isSame(text.slice(0, colon), wanted.username);
  return isPassword(text.slice(colon + 1), wanted.password) && isUser;
}

/** True when a request may be served. */
export function mayAsk(server: ServerConfig, request: IncomingMessage): boolean {
  const { credentials } = server;
  return credentials === undefined || isAuthorized(request.headers.authorization, credentials);
}

/**
 * True when a user may connect. The mode of the socket is what guards it; where it is for one user
 * alone, this is the second line: root, the daemon's user and the owner of the socket. Pure.
 */
export function mayConnect(server: ServerConfig, peerUid: number, ownUid: number): boolean {
  if (server.kind !== 'unix' || (server.mode & GROUP_OR_OTHER) !== 0) return true;
  return peerUid === 0 || peerUid === ownUid || peerUid === server.owner?.uid;
}

/**
 * True when a user may have the keeper become another program, which is to run that program as the
 * daemon's user: root and that user, and nobody over a port, whatever the socket's mode. Pure.
 */
export function mayUpgrade(
  server: ServerConfig,
  peerUid: number | undefined,
  ownUid: number,
): boolean {
  return server.kind === 'unix' && (peerUid === 0 || peerUid === ownUid);
}

/** Who connected; undefined when the kernel does not tell, as for a port. */
export function peerOf(
  socket: Socket,
  addon: Pick<NativeAddon, 'peerCredentials'> = loadNative(),
): { readonly pid: number; readonly uid: number } | undefined {
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) return undefined;
  try {
    return addon.peerCredentials({ fd });
  } catch {
    return undefined;
  }
}
