/**
 * What `node boot` does once after the machine has started (spec/cli.md 5.6): addresses, taps and
 * routes are not there any more, and services are to be looked at anew. It goes on until all of it
 * is done, with growing pauses, and says what it waits for.
 */
import { errorMessage, isSlaposError } from '../errors/slapos-error.ts';
import type { Logger } from '../log/logger.ts';

export interface BootPorts {
  /** Resolves to an IPv6 address that other machines can use, or to null when the time is over. */
  awaitAddress(devices: readonly string[], timeoutMs: number): Promise<string | null>;
  /** `node format --now`: 0 done, 1 failed, 2 done without the Master. */
  format(): Promise<number>;
  /** Resolves when a connection to the address of the Master is made, and rejects when it is not. */
  connect(masterUrl: string): Promise<void>;
  bang(): Promise<void>;
  /** Has the next pass process every partition; resolves to the files that are gone now. */
  forgetTimestamps(): Promise<readonly string[]>;
  /** Rejects when the run is told to end. */
  pause(ms: number): Promise<void>;
}

export interface BootInput {
  /** Any of them may get the address first; none: nothing is waited for. */
  readonly devices: readonly string[];
  readonly masterUrl: string;
  readonly ports: BootPorts;
  readonly log: Logger;
}

const FIRST_LOOK_MS = 5000;
const FIRST_PAUSE_MS = 15_000;
const LONGEST_PAUSE_MS = 120_000;
/** `node format` did its work, and could not tell the Master. */
const NOT_TOLD = 2;

/**
 * Boots the node; resolves when everything is done.
 * @throws what `pause` throws, and what no waiting mends: errors of the configuration, a state file
 *   that cannot be understood, a plan that cannot be whatever comes up while a machine starts.
 */
export async function bootNode(input: BootInput): Promise<void> {
  const { ports, log, devices } = input;
  if (devices.length > 0) await awaitAddress(input);
  await repeat(input, 'node format', () => formatOnce(input));
  await repeat(input, 'node bang', () => ports.bang());
  for (const path of await ports.forgetTimestamps()) log.info(`[BOOT] Removed ${path}`);
  log.info('[BOOT] The node is ready: the next pass processes every partition.', {
    event: 'boot.done',
  });
}

async function awaitAddress({ devices, ports, log }: BootInput): Promise<void> {
  const names = devices.join(' or ');
  let waitedMs = 0;
  for (const timeoutMs of growing(FIRST_LOOK_MS)) {
    const address = await ports.awaitAddress(devices, timeoutMs);
    if (address !== null) {
      log.info(`[BOOT] IPv6 address ${address} is there.`, { event: 'boot.address', address });
      return;
    }
    waitedMs += timeoutMs;
    const seconds = Math.round(waitedMs / 1000);
    log.warning(`[BOOT] No IPv6 address on ${names} after ${seconds} s, waiting for one.`, {
      event: 'boot.waiting',
    });
  }
}

async function formatOnce(input: BootInput): Promise<void> {
  const status = await input.ports.format();
  if (status === 0) return;
  if (status !== NOT_TOLD) throw new Error(`exit status ${status}`);
  if (!(await awaitMaster(input))) throw new Error('the Master was not informed');
  return formatOnce(input);
}

/** False when the Master could be reached at once: then it is something else that went wrong. */
async function awaitMaster({ ports, masterUrl, log }: BootInput): Promise<boolean> {
  let hasWaited = false;
  for (const pauseMs of growing(FIRST_LOOK_MS)) {
    try {
      await ports.connect(masterUrl);
      return hasWaited;
    } catch (error) {
      hasWaited = true;
      const seconds = pauseMs / 1000;
      log.warning(
        `[BOOT] ${masterUrl} cannot be reached: ${errorMessage(error)}. Again in ${seconds} s.`,
        { event: 'boot.master_unreachable' },
      );
      await ports.pause(pauseMs);
    }
  }
  return hasWaited;
}

/** Until it succeeds, or fails for a reason that stays. */
async function repeat(
  { ports, log }: BootInput,
  what: string,
  work: () => Promise<void>,
): Promise<void> {
  for (const pauseMs of growing(FIRST_PAUSE_MS)) {
    try {
      await work();
      return;
    } catch (error) {
      if (isLasting(error)) throw error;
      const seconds = pauseMs / 1000;
      const why = errorMessage(error).replace(/\.$/, '');
      log.error(`[BOOT] ${what}: ${why}. Again in ${seconds} s.`, {
        event: 'boot.retry',
      });
      await ports.pause(pauseMs);
    }
  }
}

/** What configuration and state say, and the end of the run. */
function isLasting(error: unknown): boolean {
  if (!isSlaposError(error)) return false;
  if (/^SLAPOS_ERR_(CONFIG|USAGE|CANCELLED|STATE_FILE)/.test(error.code)) return true;
  if (!/^SLAPOS_ERR_(PLAN)_/.test(error.code)) return false;
  // Devices come, go and get addresses while a machine starts, a name service gets to know its users,
  // a link its disk; nothing else of a plan changes.
  return ['device', 'account', 'link'].every((key) => error.context[key] === undefined);
}

/** Twice as long each time, up to two minutes. */
function* growing(firstMs: number): Generator<number, never> {
  for (let ms = firstMs; ; ms = Math.min(2 * ms, LONGEST_PAUSE_MS)) yield ms;
}
