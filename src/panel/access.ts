/**
 * Who may use the panel. It gives what only root may do, restarting services for instance, and its
 * port is open to every user of the machine.
 *
 * - Root and the user of the proxy, told by the kernel, over loopback and by an address that no name
 *   server tells (`localhost`, `127.0.0.1`, `[::1]`), need nothing more.
 * - Everybody else needs the token: in a session that the same user or address began with it, or as a
 *   bearer.
 * - What was passed on by a reverse proxy is somebody else's, whatever user the latter has.
 */
import type { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { lookAtTcpPeer, type PeerLook } from '../host/network/tcp-peer.ts';
import { Attempts } from './attempts.ts';
import { PanelError } from './problem.ts';
import { findCookies, isSameText, isSession, sessionCookieName } from './session.ts';

export interface AccessOptions {
  /** Null when there is none: then nobody gets in by it. */
  readonly token: string | null;
  /** Uid of the proxy. */
  readonly ownUid: number;
  /** Who is at the other end; by default as the kernel tells. */
  readonly lookAt?: ((socket: Socket) => PeerLook) | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds of a clock that is never set. */
  readonly steadyNow: () => number;
}

const LOOPBACK = /^(?:::ffff:)?127\.\d+\.\d+\.\d+$|^::1$/;
/** With names of the DNS a page of anybody could be of this origin (DNS rebinding). */
const LOCAL_HOST = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/i;
const PASSED_ON = /^(?:x-forwarded-.*|forwarded|via|x-real-ip)$/;

export class PanelAccess {
  readonly #options: AccessOptions;
  readonly #attempts: Attempts;
  /** A connection keeps its other end. */
  readonly #looks = new WeakMap<Socket, PeerLook>();

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#attempts = new Attempts(options.steadyNow);
  }

  /**
   * Lets a request pass.
   * @throws PanelError 401 without a token, or 429 after too many wrong ones.
   */
  expect(request: FastifyRequest): void {
    if (this.#isTrusted(request) || this.#hasSession(request)) return;
    const [, bearer] = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
    if (bearer !== undefined && this.tries(request, bearer)) return;
    throw new PanelError(401, 'The panel needs its token.', {
      hint: 'Load the page again and enter the token of the panel.',
      headers: { 'www-authenticate': 'Bearer realm="slapos panel"' },
    });
  }

  /**
   * Whether a token is the right one. Only wrong ones are counted and refused: behind a reverse
   * proxy all are one, and somebody's guesses must not lock the others out. 32 random bytes are not
   * guessed, however often one may try.
   * @throws PanelError 429 for a wrong one after too many.
   */
  tries(request: FastifyRequest, given: string): boolean {
    const { token } = this.#options;
    if (token !== null && isSameText(given, token)) return true;
    const who = this.nameOf(request);
    const waitS = this.#attempts.waitS(who);
    if (waitS > 0) {
      throw new PanelError(429, `Too many wrong tokens: try again in ${waitS} s.`, {
        headers: { 'retry-after': String(waitS) },
      });
    }
    this.#attempts.fail(who);
    return false;
  }

  /** Who asks, for sessions and the log: a user of this machine, or an address. */
  nameOf({ raw }: FastifyRequest): string {
    const look = this.#look(raw.socket);
    return look.kind === 'local' ? `uid ${look.uid}` : (raw.socket.remoteAddress ?? 'nobody');
  }

  #isTrusted({ headers, raw: { socket } }: FastifyRequest): boolean {
    if (Object.keys(headers).some((name) => PASSED_ON.test(name))) return false;
    if (!LOOPBACK.test(socket.remoteAddress ?? '')) return false;
    if (!LOCAL_HOST.test(headers.host ?? '')) return false;
    const look = this.#look(socket);
    return look.kind === 'local' && (look.uid === 0 || look.uid === this.#options.ownUid);
  }

  #hasSession(request: FastifyRequest): boolean {
    const { token, now } = this.#options;
    if (token === null) return false;
    const values = findCookies(request.headers.cookie, sessionCookieName(token));
    if (values.length === 0) return false;
    const who = this.nameOf(request);
    return values.some((value) => isSession(value, token, who, now()));
  }

  #look(socket: Socket): PeerLook {
    let look = this.#looks.get(socket);
    if (look === undefined) {
      look = this.#options.lookAt?.(socket) ?? lookAtTcpPeer(socket);
      this.#looks.set(socket, look);
    }
    return look;
  }
}
