/** Lines for the system log, by the datagrams that syslogd and journald read (RFC 3164). */
import { loadNative, type NativeAddon } from '../native.ts';

const SOCKET = '/dev/log';
/** Facility user, severity informational. */
const PRIORITY = 8 + 6;
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** One message as libc's syslog(3) would send it. Pure. */
export function renderSyslogMessage(date: Date, ident: string, text: string): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = String(date.getDate()).padStart(2);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `<${PRIORITY}>${MONTHS[date.getMonth()]} ${day} ${time} ${ident}: ${text}`;
}

/** Sends lines without waiting; without a system log, or while it is busy, they are lost. */
export function writeSyslog(
  ident: string,
  lines: readonly string[],
  addon: Pick<NativeAddon, 'datagramSend'> = loadNative(),
  path = SOCKET,
): void {
  const now = new Date();
  const messages = lines.map((line) => renderSyslogMessage(now, ident, line.replaceAll('\0', ' ')));
  try {
    addon.datagramSend({ path, messages });
  } catch {
    // Nobody reads the system log here.
  }
}
