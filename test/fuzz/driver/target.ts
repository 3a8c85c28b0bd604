/** What a fuzz target is, and the words in which most of them say what must hold. */
import { isSlaposError } from '../../../src/errors/slapos-error.ts';

/** How the inputs of a target are built, for mutations that keep most of it. */
export type Shape = 'bytes' | 'lines' | 'json' | 'xml';

export interface FuzzTarget {
  readonly name: string;
  readonly shape: Shape;
  /** Inputs to begin with where the committed corpus has none. */
  readonly seeds: ReadonlyArray<string | Uint8Array>;
  /** Words that the source of the decoder does not have as literals. */
  readonly words?: readonly string[];
  /** What an input may take at most, 100 unless told. */
  readonly slowMsPerKb?: number;
  /** Longest input, 4096 unless told. */
  readonly maxBytes?: number;
  /** Throws for whatever must not be; a refusal in the decoder's own words is not that. */
  run(input: Uint8Array): void | Promise<void>;
  /** Ends what runs needed, such as a server. */
  close?(): Promise<void>;
}

/** Something that must hold does not. */
export class Broken extends Error {}

/** @throws Broken */
export function ensure(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Broken(what);
}

/** Two plain values; the message has both. */
export function ensureSame(left: unknown, right: unknown, what: string): void {
  const [a, b] = [show(left), show(right)];
  if (a !== b) throw new Broken(`${what}: ${a.slice(0, 500)} is not ${b.slice(0, 500)}`);
}

/** JSON that tells apart what JSON does not: undefined, -0, NaN, bigint, maps and bytes. */
export function show(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (part === undefined) return '§undefined';
    if (typeof part === 'bigint') return `§${part}n`;
    if (typeof part === 'number')
      return Object.is(part, -0) ? '§-0' : Number.isFinite(part) ? part : `§${part}`;
    if (part instanceof Map) return ['§map', ...part];
    if (part instanceof Set) return ['§set', ...part];
    return part;
  });
}

/** Whoever wrote a file or a command may be shown all of it; what others send is cut. */
const LONGEST_MESSAGE = 2000;
const OWN_WORDS = /^SLAPOS_ERR_(?:CONFIG|STATE|USAGE)/;

/** What a decoder gives; undefined for a refusal, which has to be one plain line of ours. */
export function decodeOrRefuse<Value>(
  decode: () => Value,
  codes?: readonly string[],
): Value | undefined {
  try {
    return decode();
  } catch (error) {
    checkRefusal(error, codes);
    return undefined;
  }
}

/** What a decoder gives; undefined when it throws an error of exactly one of these kinds. */
export function gives<Value>(
  decode: () => Value,
  kinds: ReadonlyArray<abstract new (...args: never[]) => Error>,
): Value | undefined {
  try {
    return decode();
  } catch (error) {
    if (kinds.some((kind) => (error as Error).constructor === kind)) return undefined;
    throw error;
  }
}

function checkRefusal(error: unknown, codes: readonly string[] | undefined): void {
  if (!isSlaposError(error)) throw error;
  const { code, message } = error;
  ensure(codes === undefined || codes.includes(code), `${code} is not of the documented codes`);
  // Other characters that end lines are made visible where messages are shown.
  ensure(!message.includes('\n'), `a message of several lines: ${JSON.stringify(message)}`);
  const isShort = message.length <= LONGEST_MESSAGE || OWN_WORDS.test(code);
  ensure(isShort, `a message of ${message.length} characters`);
}

/** A target whose decoder takes text. */
export function textTarget(
  target: Omit<FuzzTarget, 'run'> & { run(text: string): void | Promise<void> },
): FuzzTarget {
  return { ...target, run: (input) => target.run(Buffer.from(input).toString('utf8')) };
}
