/**
 * Who knows the token of the panel. A browser keeps a value that was derived from it, not the token:
 * its time, and a code over that and over whose browser it is, which only who has the token can make.
 * Browsers show cookies to every port of a host, so that whoever listens on one gets to see the
 * value; from somebody else it is worth nothing. Pure.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

const SESSION = /^([0-9a-z]{1,12})\.([A-Za-z0-9_-]{43})$/;
const PURPOSE = 'session of the panel of slapos-node';
const DAY_S = 24 * 3600;
/** After that the token has to be entered again. */
export const SESSION_S = 7 * DAY_S;
/** How far a clock may have been set back. */
const SLACK_S = 300;

/** Takes as long for every text that is given. */
export function isSameText(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** @param who the user or address that asks; the session counts for no other */
export function createSession(token: string, who: string, nowMs: number): string {
  const issued = Math.floor(nowMs / 1000).toString(36);
  return `${issued}.${sign(token, issued, who)}`;
}

/** Whether this token made the session, for who asks and not too long ago. */
export function isSession(value: string, token: string, who: string, nowMs: number): boolean {
  const [, issued, code] = SESSION.exec(value) ?? [];
  if (issued === undefined || code === undefined) return false;
  if (!isSameText(code, sign(token, issued, who))) return false;
  const ageS = nowMs / 1000 - Number.parseInt(issued, 36);
  return ageS > -SLACK_S && ageS < SESSION_S;
}

/** Cookies are of a host, whatever the port: each proxy has a name of its own for its one. */
export function sessionCookieName(token: string): string {
  return `slapos-panel-${createHmac('sha256', token).update('name').digest('hex').slice(0, 8)}`;
}

/** The values of a cookie in header `Cookie` (RFC 6265 5.4). */
export function findCookies(header: string | undefined, name: string): string[] {
  return (header ?? '').split(';').flatMap((pair) => {
    const at = pair.indexOf('=');
    return at > 0 && pair.slice(0, at).trim() === name ? [pair.slice(at + 1).trim()] : [];
  });
}

/** Header `Set-Cookie` for a session. @param path where it counts, without a slash at the end */
export function renderCookie(name: string, value: string, path: string, isSecure: boolean): string {
  const secure = isSecure ? '; Secure' : '';
  return `${name}=${value}; Path=${path}; Max-Age=${SESSION_S}; HttpOnly; SameSite=Strict${secure}`;
}

function sign(token: string, issued: string, who: string): string {
  return createHmac('sha256', token).update(`${PURPOSE} ${issued} ${who}`).digest('base64url');
}
