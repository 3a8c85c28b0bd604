/** What a listener says on its standard output (spec/supervisor.md 6.1). Pure. */

export const LISTENER_STATES = ['ACKNOWLEDGED', 'READY', 'BUSY', 'UNKNOWN'] as const;
export type ListenerState = (typeof LISTENER_STATES)[number];

export type ListenerSignal =
  | { readonly kind: 'ready' }
  | { readonly kind: 'result'; readonly isAccepted: boolean }
  /** Output that the protocol does not allow: the listener is not served any more. */
  | { readonly kind: 'broken'; readonly data: string };

export interface ListenerParse {
  readonly state: ListenerState;
  /** Bytes that wait for more. */
  readonly rest: string;
  readonly signals: readonly ListenerSignal[];
}

const READY = 'READY\n';
const RESULT = /^RESULT (\d{1,9})\n/;
/** Results are a word; what a listener promises to send is kept until it is whole. */
const MAX_RESULT_BYTES = 1024 * 1024;

interface Step {
  readonly state: ListenerState;
  readonly rest: string;
  readonly signal: ListenerSignal;
}

function broken(data: string): Step {
  return { state: 'UNKNOWN', rest: '', signal: { kind: 'broken', data } };
}

function readResult(text: string): Step | undefined {
  const match = RESULT.exec(text);
  if (match === null) {
    if ('RESULT '.startsWith(text) || /^RESULT \d{1,9}$/.test(text)) return undefined;
    return broken(text);
  }
  const start = match[0].length;
  const end = start + Number(match[1]);
  if (end - start > MAX_RESULT_BYTES) return broken(text);
  if (text.length < end) return undefined;
  const isAccepted = text.slice(start, end) === 'OK';
  return { state: 'ACKNOWLEDGED', rest: text.slice(end), signal: { kind: 'result', isAccepted } };
}

/** One signal at the head of the text; undefined when more bytes are needed. */
function step(state: ListenerState, text: string): Step | undefined {
  if (text === '') return undefined;
  if (state === 'BUSY') return readResult(text);
  if (state === 'ACKNOWLEDGED') {
    if (text.startsWith(READY)) {
      return { state: 'READY', rest: text.slice(READY.length), signal: { kind: 'ready' } };
    }
    return READY.startsWith(text) ? undefined : broken(text);
  }
  return state === 'READY' ? broken(text) : undefined;
}

/**
 * Reads the signals that the text holds, `most` of them at most. `text` is latin1, so that a
 * character is a byte.
 */
export function parseListenerOutput(
  state: ListenerState,
  text: string,
  most = Number.POSITIVE_INFINITY,
): ListenerParse {
  const signals: ListenerSignal[] = [];
  let current = { state, rest: text };
  for (let next = step(state, text); next !== undefined; next = step(current.state, current.rest)) {
    signals.push(next.signal);
    current = { state: next.state, rest: next.rest };
    if (signals.length >= most) break;
  }
  if (current.state === 'UNKNOWN') current = { ...current, rest: '' };
  return { ...current, signals };
}
