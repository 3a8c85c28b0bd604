/**
 * Requests as inputs, each a text of its own: a line `METHOD PATH`, lines of headers, an empty line,
 * the body. A line `%%` parts those of one input. They are sent as bytes, over a connection each.
 */
import { connect, type NetConnectOpts } from 'node:net';
import { Broken, ensure } from './target.ts';

export interface RawAnswer {
  /** 0 when the connection was closed without an answer. */
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Longest wait for the answer to a whole request; beyond is a finding, however busy the machine. */
const ANSWER_MS = 15_000;
/** How long the rest of a request may be awaited by the server whose end it was not told. */
const UNFRAMED_MS = 100;
/** What the server may wait for. */
const UNFRAMED = /^(?:transfer-encoding|expect|upgrade)\s*:|^\s|:\s*$/im;
/** Answers that go on for ever. */
const STREAM = /^\S+ \S*(?:logtail|events)/;
const IS_HEADER = /^[!#$%&'*+.^_`|~\w-]+:[\t\x20-\x7e\x80-\xff]*$/;
const SEPARATOR = '\n%%\n';
const MAX_REQUESTS = 6;

export function splitRequests(input: Uint8Array): string[] {
  return Buffer.from(input).toString('latin1').split(SEPARATOR).slice(0, MAX_REQUESTS);
}

export function joinRequests(...requests: readonly string[]): string {
  return requests.join(SEPARATOR);
}

/** The bytes of a request, and whether its end is told by them. */
export function frameRequest(text: string): { readonly bytes: Buffer; readonly isWhole: boolean } {
  const end = text.indexOf('\n\n');
  const head = end < 0 ? text : text.slice(0, end);
  const body = end < 0 ? '' : text.slice(end + 2);
  const [first = '', ...lines] = head.split('\n');
  const isOpen = UNFRAMED.test(lines.join('\n'));
  const kept = lines.filter((line) => !/^(?:content-length|connection)\s*:/i.test(line));
  if (!kept.some((line) => /^host:/i.test(line))) kept.push('Host: localhost');
  if (!isOpen) kept.push(`Content-Length: ${body.length}`);
  const start = / HTTP\/\d/.test(first) ? first : `${first} HTTP/1.1`;
  const bytes = [start, ...kept, 'Connection: close', '', body].join('\r\n');
  const isPlain = kept.every((line) => IS_HEADER.test(line)) && /^[A-Z]+ \S+ \S+$/.test(start);
  return {
    bytes: Buffer.from(bytes, 'latin1'),
    isWhole: !isOpen && isPlain && !STREAM.test(first),
  };
}

/** @throws Broken when a whole request is not answered. */
export function exchange(place: NetConnectOpts, text: string): Promise<RawAnswer> {
  const { bytes, isWhole } = frameRequest(text);
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(place, () => socket.write(bytes));
    const end = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(parseAnswer(received));
    };
    const give = () => {
      if (!isWhole) return end();
      socket.destroy();
      reject(new Broken('no answer'));
    };
    const timer = setTimeout(give, isWhole ? ANSWER_MS : UNFRAMED_MS);
    socket.setEncoding('latin1').on('data', (piece: string) => {
      received += piece;
    });
    // A server may close before it has read everything.
    socket.on('error', () => undefined).on('close', end);
  });
}

function parseAnswer(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n');
  const head = end < 0 ? text : text.slice(0, end);
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0);
  return { status, head, body: end < 0 ? '' : text.slice(end + 4) };
}

const STACK = /\n\s+at .+:\d+:\d+|node_modules|\/src\/\w+\//;

/** What holds for every answer, whoever asks: no failure of ours, no inside, no header of others. */
export function ensureAnswer(
  { body, head, status }: RawAnswer,
  allowed: { readonly statuses: ReadonlySet<number>; readonly headers: ReadonlySet<string> },
  said: readonly string[],
): void {
  ensure(
    status < 500 || allowed.statuses.has(status),
    `status ${status}: ${said.join('\n').slice(0, 3000)}`,
  );
  ensure(!STACK.test(body), `the inside is shown: ${body.slice(0, 500)}`);
  for (const line of head.split('\r\n').slice(1)) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase();
    ensure(allowed.headers.has(name) && !line.includes('\n'), `a header ${line.slice(0, 200)}`);
  }
}
