/** What tests inside the machine share: results on its console, waiting, and lines of shell. */
import { spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Emulated processors are slow. */
const PATIENCE_MS = 60_000;

export function say(line: string): void {
  appendFileSync('/dev/ttyS0', `\r\n${line.replaceAll('\n', '\r\n')}\r\n`);
}

/** @throws Error with `what` unless `isTrue` */
export function check(isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(what);
}

/** Writes `ok NAME (seconds)` or `not ok NAME: why` to the console. */
export async function test(name: string, body: () => Promise<void> | void): Promise<void> {
  const startMs = performance.now();
  try {
    await body();
    say(`ok ${name} (${((performance.now() - startMs) / 1000).toFixed(1)} s)`);
  } catch (error) {
    say(`not ok ${name}: ${error instanceof Error ? error.message : error}`);
  }
}

/** Asks `probe` again and again until it gives something. */
export async function until<T>(
  probe: () => Promise<T | undefined> | T | undefined,
  what: string,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const endMs = performance.now() + patienceMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`timed out waiting for ${what}`);
    await sleep(200);
  }
}

/** Runs a line of shell; its status and all that it said. */
export function attempt(line: string): { readonly status: number; readonly text: string } {
  const result = spawnSync('/bin/sh', ['-c', `exec 2>&1; ${line}`], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 1 << 26,
    timeout: 600_000,
  });
  return { status: result.status ?? -1, text: result.stdout.trim() };
}

/** @throws Error with the end of what it said when a line of shell fails */
export function must(line: string): string {
  const { status, text } = attempt(line);
  check(status === 0, `${line}: status ${status}: ${text.slice(-1500)}`);
  return text;
}
