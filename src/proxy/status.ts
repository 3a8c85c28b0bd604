/**
 * What nodes last reported of their computers, partitions and software (spec/slap-protocol.md 4.3).
 * It is kept in table `config`, of which upstream reads one other row, so that the schema stays
 * upstream's.
 */
import type { MarshalValue } from '../slap/marshal-value.ts';
import { sanitizeXmlText } from '../slap/xml-text.ts';
import type { Clock } from './clock.ts';
import type { PartitionKey, ProxyTables } from './store.ts';

const PREFIX = 'status:';
/** Of an error only the end is kept, as by a SlapOS Master. */
const ERROR_LENGTH = 80;
/** A report that says the same anew is written no more often than this. */
const REFRESH_S = 60;

const PORTAL_TYPES = {
  computer: 'Compute Node',
  partition: 'Software Instance',
  software: 'Software Installation',
} as const;

/** What a report is about. */
export interface StatusSubject {
  readonly kind: keyof typeof PORTAL_TYPES;
  readonly computerReference: string;
  /** Partition, or address of software; that of the computer for the computer itself. */
  readonly reference: string;
}

export interface Report {
  /** Begins with `#access`, `#building` or `#error`. */
  readonly text: string;
  /** `started`, `stopped`, `available`, `building` or empty. */
  readonly state: string;
}

export interface StoredReport extends Report {
  /** Seconds since the epoch of the last report, to the minute. */
  readonly createdAt: number;
  /** Seconds since the epoch from which on the first word has been the same. */
  readonly since: number;
}

export function ofComputer(reference: string): StatusSubject {
  return { kind: 'computer', computerReference: reference, reference };
}

export function ofPartition({ computerReference, reference }: PartitionKey): StatusSubject {
  return { kind: 'partition', computerReference, reference };
}

export function ofSoftware(url: string, computerReference: string): StatusSubject {
  return { kind: 'software', computerReference, reference: url };
}

/** The report of a success or of progress. */
export function report(text: string, state: string): Report {
  return { text, state };
}

/** The report of a failure; of its log, which may hold anything, the end. */
export function errorReport(what: string, errorLog: string): Report {
  // A log may be huge: no more of it is taken apart than twice the units that are kept.
  const tail = sanitizeXmlText(errorLog.trimEnd().slice(-2 * ERROR_LENGTH));
  const end = [...tail].slice(-ERROR_LENGTH).join('');
  return { text: `#error while ${what}${end === '' ? '' : `: ${end}`}`, state: '' };
}

export async function storeReport(
  subject: StatusSubject,
  { text, state }: Report,
  tables: ProxyTables,
  clock: Clock,
): Promise<void> {
  const now = clock();
  const former = await readReport(subject, tables);
  const isSame = former !== null && former.text === text && former.state === state;
  if (isSame && Math.abs(now - former.createdAt) < REFRESH_S) return;
  const isGoingOn = former !== null && firstWord(former.text) === firstWord(text);
  const stored = { text, state, createdAt: now, since: isGoingOn ? former.since : now };
  await tables.putConfig(nameOf(subject), JSON.stringify(stored));
}

export async function readReport(
  subject: StatusSubject,
  tables: ProxyTables,
): Promise<StoredReport | null> {
  return parseReport(await tables.getConfig(nameOf(subject)));
}

/** Everything that was reported, by subject. */
export async function listReports(
  tables: ProxyTables,
): Promise<Array<StatusSubject & StoredReport>> {
  const rows = await tables.listConfig(PREFIX);
  return rows.flatMap(({ name, value }) => {
    const [kind, computerReference, reference] = JSON.parse(name.slice(PREFIX.length)) as [
      StatusSubject['kind'],
      string,
      string,
    ];
    const stored = parseReport(value);
    return stored === null ? [] : [{ kind, computerReference, reference, ...stored }];
  });
}

/** For what is gone. */
export async function forgetReport(subject: StatusSubject, tables: ProxyTables): Promise<void> {
  await tables.deleteConfig(nameOf(subject));
}

function nameOf({ kind, computerReference, reference }: StatusSubject): string {
  return PREFIX + JSON.stringify([kind, computerReference, reference]);
}

function parseReport(text: string | null): StoredReport | null {
  return text === null ? null : (JSON.parse(text) as StoredReport);
}

function firstWord(text: string): string {
  return text.split(' ', 1)[0] ?? '';
}

/** The status dictionary of the protocol. @param now seconds since the epoch */
export function renderStatus(
  subject: StatusSubject,
  stored: StoredReport | null,
  now: number,
): Record<string, MarshalValue & (string | number)> {
  const { kind, computerReference, reference } = subject;
  const about = {
    reference: kind === 'partition' ? `${computerReference}-${reference}` : reference,
    portal_type: PORTAL_TYPES[kind],
  };
  if (stored === null) {
    const text = `#error no data found for ${about.reference}`;
    const times = { created_at: renderDate(now), since: renderDate(now) };
    return { ...about, ...times, state: '', text, user: 'SlapOS Master', no_data: 1 };
  }
  const ageMinutes = (now - stored.createdAt) / 60;
  return {
    ...about,
    created_at: renderDate(stored.createdAt),
    since: renderDate(stored.since),
    state: stored.state,
    text: stored.text,
    user: computerReference,
    no_data_since_5_minutes: Number(ageMinutes >= 5),
    no_data_since_15_minutes: Number(ageMinutes >= 15),
  };
}

/** RFC 1123. */
function renderDate(seconds: number): string {
  return new Date(seconds * 1000).toUTCString();
}
