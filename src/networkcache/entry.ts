/** What a shadir server says of a key, and which entry a machine can use (spec/networkcache.md 4, 6). */
import type { KeyObject } from 'node:crypto';
import { printableName } from '../log/printable.ts';
import { cacheError } from './cache-error.ts';
import { describeMachine, isCompatible, type Machine } from './machine.ts';
import { isSigned } from './signature.ts';

/** One entry as it came: the text is what was signed. */
export interface CacheEntry {
  readonly text: string;
  readonly signature: string;
}

/** What an entry says of a built software release. */
export interface BinaryClaim {
  /** Undefined when there is none, or it is no digest. */
  readonly sha512: string | undefined;
  readonly softwareUrl: string | undefined;
  readonly softwareRoot: string | undefined;
  readonly machine: Machine;
}

/** A built software release that can be asked for. */
export interface BinaryEntry extends BinaryClaim {
  readonly sha512: string;
}

/** A file of the source cache; the name is its URL, or that of a Python distribution's file. */
export interface SourceEntry {
  readonly name: string;
  readonly sha512: string;
}

/** Each signature is tried with each certificate; the public cache has some dozens for a key. */
const MAX_ENTRIES = 5000;
const MAX_SHOWN = 300;

export const SHA512 = /^[0-9a-f]{128}$/;

/**
 * The entries of an answer; those that are no pair of texts are left out.
 * @throws SlaposError SLAPOS_ERR_CACHE when the answer is no JSON list, or one without end.
 */
export function parseEntries(body: string): readonly CacheEntry[] {
  let list: unknown;
  try {
    list = JSON.parse(body);
  } catch {
    throw cacheError('Failed to parse json response');
  }
  if (!Array.isArray(list)) throw cacheError('Failed to parse json response: it is not a list');
  if (list.length > MAX_ENTRIES) throw cacheError(`shadir has more than ${MAX_ENTRIES} entries`);
  return list.flatMap((pair: unknown) => {
    if (!Array.isArray(pair)) return [];
    const [text, signature] = pair as unknown[];
    return typeof text === 'string' && typeof signature === 'string' ? [{ text, signature }] : [];
  });
}

/** @returns undefined for an entry that does not say for which machine it is. */
export function parseBinaryClaim(text: string): BinaryClaim | undefined {
  const values = parseObject(text);
  const sha512 = optionalText(values['sha512']);
  const machine = parseMachine(values);
  if (machine === undefined) return undefined;
  return {
    sha512: sha512 !== undefined && SHA512.test(sha512) ? sha512 : undefined,
    softwareUrl: optionalText(values['software_url']),
    softwareRoot: optionalText(values['software_root']),
    machine,
  };
}

/** @returns undefined for an entry that says too little, or nothing sensible. */
export function parseBinaryEntry(text: string): BinaryEntry | undefined {
  const claim = parseBinaryClaim(text);
  return claim?.sha512 === undefined ? undefined : { ...claim, sha512: claim.sha512 };
}

/** @param nameKey where the entry has its name. @returns undefined for one that says too little. */
export function parseSourceEntry(
  text: string,
  nameKey: 'url' | 'basename',
): SourceEntry | undefined {
  const values = parseObject(text);
  const [name, sha512] = [values[nameKey], values['sha512']];
  return typeof name === 'string' && typeof sha512 === 'string' ? { name, sha512 } : undefined;
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function optionalText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Entries of old versions have `machine` and the text of a Python tuple. */
function parseMachine(values: Readonly<Record<string, unknown>>): Machine | undefined {
  const isLegacy = values['multiarch'] === undefined && values['machine'] === 'x86_64';
  const multiarch = isLegacy ? 'x86_64-linux-gnu' : values['multiarch'];
  const os = typeof values['os'] === 'string' ? parseTuple(values['os']) : values['os'];
  if (typeof multiarch !== 'string' || !Array.isArray(os)) return undefined;
  const [id, version, codename] = os as unknown[];
  if (typeof id !== 'string' || typeof version !== 'string' || typeof codename !== 'string') {
    return undefined;
  }
  return { multiarch, distribution: { id, version, codename } };
}

/** `('debian', '8.10', '')` */
function parseTuple(text: string): readonly string[] | undefined {
  const tuple = text.length <= MAX_SHOWN ? text.trim() : '';
  if (!tuple.startsWith('(') || !tuple.endsWith(')')) return undefined;
  const items = tuple.match(/'[^']*'|"[^"]*"/g) ?? [];
  return items.map((item) => item.slice(1, -1));
}

export interface BinarySearch {
  /** Of the release that is looked for. */
  readonly url: string;
  readonly softwareRoot: string;
  readonly machine: Machine;
  readonly trustedKeys: readonly KeyObject[];
}

export interface BinaryChoice {
  /** In the server's order. */
  readonly usable: readonly BinaryEntry[];
  /** Why the others are not, one line each. */
  readonly refusals: readonly string[];
}

/**
 * Which entries can be installed. A signature says who built, not what the key means: the entry
 * must be of this URL, and of this folder, since builds hold absolute paths.
 */
export function chooseBinaries(entries: readonly CacheEntry[], search: BinarySearch): BinaryChoice {
  const usable: BinaryEntry[] = [];
  const refusals: string[] = [];
  for (const [index, { signature, text }] of entries.entries()) {
    const entry = isSigned(text, signature, search.trustedKeys)
      ? (parseBinaryEntry(text) ?? 'it cannot be understood')
      : 'nobody in signature-certificate-list signed it';
    const problem = typeof entry === 'string' ? entry : findMisfit(entry, search);
    if (problem === undefined) usable.push(entry as BinaryEntry);
    else refusals.push(`Entry ${index + 1} is not used: ${shorten(problem)}.`);
  }
  return { usable, refusals };
}

/** Text of somebody else for one line of a log. */
function shorten(text: string): string {
  const shown = printableName(text);
  return shown.length <= MAX_SHOWN ? shown : `${shown.slice(0, MAX_SHOWN)}…`;
}

function findMisfit(entry: BinaryEntry, search: BinarySearch): string | undefined {
  const { machine, softwareRoot, url } = search;
  if (entry.softwareUrl !== undefined && entry.softwareUrl !== url) {
    return `it is of ${entry.softwareUrl}`;
  }
  if (!isCompatible(machine, entry.machine)) return `it is for ${describeMachine(entry.machine)}`;
  if (entry.softwareRoot !== undefined && entry.softwareRoot !== softwareRoot) {
    return `it was built for software_root ${entry.softwareRoot}`;
  }
  return undefined;
}

/** The text of an entry about a build. */
export function renderBinaryEntry(entry: {
  readonly sha512: string;
  readonly softwareUrl: string;
  readonly softwareRoot: string;
  readonly machine: Machine;
}): string {
  const { codename, id, version } = entry.machine.distribution;
  return JSON.stringify({
    sha512: entry.sha512,
    software_url: entry.softwareUrl,
    software_root: entry.softwareRoot,
    multiarch: entry.machine.multiarch,
    os: [id, version, codename],
  });
}
