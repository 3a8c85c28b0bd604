/**
 * The journal of a move of addresses and routes from ports to the bridge: what stood where before.
 * Written before the first change and removed once the gateway has answered, it lets the next run
 * complete or undo what a killed one began. Pure.
 */
import type { MovedAddress, MovedRoute, PortContent } from './uplink.ts';

/** A port as it was before the move. */
export interface JournalPort extends PortContent {
  readonly name: string;
  /** Whether it was in the bridge already. */
  readonly isEnslaved: boolean;
}

export interface UplinkJournal {
  /** /proc/sys/kernel/random/boot_id: what the kernel held is gone with its boot. */
  readonly bootId: string;
  readonly bridge: string;
  /** Whether the bridge is made for the move. */
  readonly isBridgeNew: boolean;
  readonly ports: readonly JournalPort[];
}

const VERSION = 1;

/** Only root may read it: it tells the network of the host. */
export const JOURNAL_MODE = 0o600;

export function journalPath(computerXml: string): string {
  return `${computerXml}.bridge`;
}

export function renderJournal(journal: UplinkJournal): string {
  return `${JSON.stringify({ version: VERSION, ...journal }, null, 2)}\n`;
}

/** @returns undefined for what is no journal of this version. */
export function parseJournal(text: string): UplinkJournal | undefined {
  let found: Partial<UplinkJournal> & { readonly version?: unknown };
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof found !== 'object' || found === null || found.version !== VERSION) return undefined;
  const { bootId, bridge, isBridgeNew, ports } = found;
  if (typeof bootId !== 'string' || typeof bridge !== 'string') return undefined;
  if (typeof isBridgeNew !== 'boolean' || !Array.isArray(ports)) return undefined;
  if (!ports.every(isJournalPort)) return undefined;
  return { bootId, bridge, isBridgeNew, ports };
}

function isJournalPort(port: unknown): port is JournalPort {
  const { name, isEnslaved, addresses, routes } = (port ?? {}) as Partial<JournalPort>;
  if (typeof name !== 'string' || typeof isEnslaved !== 'boolean') return false;
  return areAddresses(addresses) && areRoutes(routes);
}

function areAddresses(found: unknown): found is MovedAddress[] {
  return Array.isArray(found) && found.every((one) => typeof one?.address === 'string');
}

function areRoutes(found: unknown): found is MovedRoute[] {
  return Array.isArray(found) && found.every((one) => typeof one?.destination === 'string');
}
