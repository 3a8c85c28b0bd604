/** The options of `node collect --daemon`. */
import { isIP } from 'node:net';
import { UsageError } from '../../errors/slapos-error.ts';
import { printableName } from '../../log/printable.ts';
import type { ListenAddress } from './server.ts';

const SHORTEST_MS = 250;
const LONGEST_MS = 60_000;

/**
 * Parses `250ms`, `1s`, `1.5s` or a number of seconds.
 * @returns milliseconds
 * @throws UsageError SLAPOS_ERR_USAGE
 */
export function parseInterval(text: string): number {
  const [, number = '', unit] = /^(\d+(?:\.\d+)?)\s*(ms|s)?$/.exec(text.trim()) ?? [];
  const intervalMs = Math.round(Number(number) * (unit === 'ms' ? 1 : 1000));
  if (number !== '' && intervalMs >= SHORTEST_MS && intervalMs <= LONGEST_MS) return intervalMs;
  throw refusal(`--interval ${printableName(text)}: from 250ms to 60s is wanted, such as 1s.`);
}

/**
 * Parses `127.0.0.1:9101` or `[::1]:9101`; port 0 takes a free one.
 * @throws UsageError SLAPOS_ERR_USAGE
 */
export function parseListen(text: string): ListenAddress {
  const [, bracketed, plain, port = ''] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? '';
  const isAddress = bracketed === undefined ? isIP(host) === 4 : isIP(host) === 6;
  if (isAddress && Number(port) <= 65_535) return { host, port: Number(port) };
  throw refusal(
    `--listen ${printableName(text)}: ADDRESS:PORT is wanted, such as 127.0.0.1:9101 or [::1]:9101.`,
  );
}

function refusal(message: string): UsageError {
  return new UsageError('SLAPOS_ERR_USAGE', message);
}
