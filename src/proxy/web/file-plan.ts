/** What to send of a file: all, a part, or that the client has it (RFC 9110 13 and 14). Pure. */
import type { IncomingHttpHeaders } from 'node:http';
import { matchesTag } from '../entity-tag.ts';

export interface FileFacts {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Strong, with its quotes. */
  readonly etag: string;
}

export interface FilePlan {
  readonly status: 200 | 206 | 304 | 416;
  /** First byte, and the one after the last. */
  readonly startBytes: number;
  readonly endBytes: number;
  readonly headers: Readonly<Record<string, string>>;
}

export function planFile(headers: IncomingHttpHeaders, file: FileFacts): FilePlan {
  const common = {
    etag: file.etag,
    'last-modified': new Date(file.modifiedMs).toUTCString(),
    'accept-ranges': 'bytes',
  };
  if (isKnown(headers, file)) {
    return { status: 304, startBytes: 0, endBytes: 0, headers: common };
  }
  const range = mayUseRange(headers, file) ? parseRange(headers.range, file.sizeBytes) : undefined;
  if (range === 'unsatisfiable') {
    const told = { ...common, 'content-range': `bytes */${file.sizeBytes}`, 'content-length': '0' };
    return { status: 416, startBytes: 0, endBytes: 0, headers: told };
  }
  const { startBytes, endBytes } = range ?? { startBytes: 0, endBytes: file.sizeBytes };
  const length = { ...common, 'content-length': String(endBytes - startBytes) };
  if (range === undefined) return { status: 200, startBytes, endBytes, headers: length };
  const part = `bytes ${startBytes}-${endBytes - 1}/${file.sizeBytes}`;
  return { status: 206, startBytes, endBytes, headers: { ...length, 'content-range': part } };
}

/** `If-None-Match` decides where it is given, else `If-Modified-Since`. */
function isKnown(headers: IncomingHttpHeaders, file: FileFacts): boolean {
  const tags = headers['if-none-match'];
  if (tags !== undefined) return matchesTag(tags, file.etag);
  const since = Date.parse(headers['if-modified-since'] ?? '');
  return wholeSeconds(file.modifiedMs) <= since;
}

function wholeSeconds(timeMs: number): number {
  return Math.floor(timeMs / 1000) * 1000;
}

/** `If-Range`: a part is only of use to who has the rest of the same file. */
function mayUseRange(headers: IncomingHttpHeaders, file: FileFacts): boolean {
  const condition = headers['if-range'];
  if (typeof condition !== 'string') return true;
  if (condition.includes('"')) return condition === file.etag;
  return wholeSeconds(file.modifiedMs) === Date.parse(condition);
}

type Range = { readonly startBytes: number; readonly endBytes: number };

/** One range; several, other units or nonsense are as none. */
function parseRange(
  text: string | undefined,
  sizeBytes: number,
): Range | 'unsatisfiable' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(text ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  if (first === '') {
    const startBytes = Math.max(0, sizeBytes - Number(last));
    return startBytes === sizeBytes ? 'unsatisfiable' : { startBytes, endBytes: sizeBytes };
  }
  const startBytes = Number(first);
  if (last !== '' && Number(last) < startBytes) return undefined;
  if (startBytes >= sizeBytes) return 'unsatisfiable';
  const endBytes = last === '' ? sizeBytes : Math.min(sizeBytes, Number(last) + 1);
  return { startBytes, endBytes };
}
