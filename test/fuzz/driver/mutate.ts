/** Changes of inputs: of bytes, of lines, of JSON values and of XML elements. */

import { type Mutation, ODD_TEXTS } from './mutation.ts';
import { mutateJson } from './mutation-json.ts';
import { mutateXml } from './mutation-xml.ts';
import type { Random } from './random.ts';
import type { Shape } from './target.ts';

const SMALL_BYTES = [
  0, 1, 9, 10, 13, 32, 34, 39, 44, 45, 48, 57, 58, 59, 60, 61, 62, 91, 92, 93, 123, 125, 127, 128,
  255,
];

type Change = (bytes: Buffer, mutation: Mutation) => Buffer;

const splice = (bytes: Buffer, at: number, gone: number, put: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + gone)]);

/** A range of at least one byte, short ones more often. */
function range(bytes: Buffer, random: Random): { at: number; length: number } {
  const at = random.below(bytes.length);
  const room = bytes.length - at;
  const limit = random.chance(0.7) ? Math.min(room, 16) : room;
  return { at, length: 1 + random.below(limit) };
}

const BYTE_CHANGES: readonly Change[] = [
  (bytes, { random }) => {
    const changed = Buffer.from(bytes);
    const at = random.below(bytes.length);
    changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8));
    return changed;
  },
  (bytes, { random }) => {
    const changed = Buffer.from(bytes);
    changed[random.below(bytes.length)] = random.chance(0.5)
      ? random.pick(SMALL_BYTES)
      : random.below(256);
    return changed;
  },
  (bytes, { random }) =>
    splice(bytes, random.below(bytes.length + 1), 0, Buffer.from([random.pick(SMALL_BYTES)])),
  (bytes, { random }) => {
    const { at, length } = range(bytes, random);
    return splice(bytes, at, length, Buffer.alloc(0));
  },
  (bytes, { random }) => {
    const { at, length } = range(bytes, random);
    return splice(bytes, at, 0, bytes.subarray(at, at + length));
  },
  (bytes, { random }) => {
    const { at, length } = range(bytes, random);
    return splice(bytes, random.below(bytes.length), 0, bytes.subarray(at, at + length));
  },
  (bytes, mutation) => {
    const { random } = mutation;
    const { at, length } = range(bytes, random);
    return splice(bytes, at, random.chance(0.5) ? length : 0, randomWord(mutation));
  },
  (bytes, { other, random }) => {
    const taken = Buffer.from(other());
    if (taken.length === 0) return bytes;
    const from = range(taken, random);
    const to = range(bytes, random);
    const gone = random.chance(0.5) ? to.length : 0;
    return splice(bytes, to.at, gone, taken.subarray(from.at, from.at + from.length));
  },
  (bytes, { other, random }) => {
    const taken = Buffer.from(other());
    return Buffer.concat([
      bytes.subarray(0, random.below(bytes.length)),
      taken.subarray(random.below(taken.length)),
    ]);
  },
  (bytes, { maxBytes, random }) => {
    const { at, length } = range(bytes, random);
    const most = Math.max(1, Math.floor((maxBytes - bytes.length) / length));
    const times = 1 + random.below(random.chance(0.9) ? Math.min(most, 8) : most);
    return splice(bytes, at, 0, Buffer.alloc(length * times, bytes.subarray(at, at + length)));
  },
  (bytes, { random }) => {
    const text = bytes.toString('latin1');
    const numbers = [...text.matchAll(/\d+/g)];
    if (numbers.length === 0) return bytes;
    const { index, 0: number } = random.pick(numbers);
    const near = String(Number(number) + random.below(5) - 2);
    return splice(
      bytes,
      index,
      number.length,
      Buffer.from(random.chance(0.5) ? near : random.pick(ODD_TEXTS)),
    );
  },
];

function randomWord({ random, words }: Mutation): Uint8Array {
  const list = words.length > 0 && random.chance(0.7) ? words : ODD_TEXTS;
  return Buffer.from(random.pick(list));
}

const LINE_CHANGES: ReadonlyArray<(lines: string[], random: Random, mutation: Mutation) => void> = [
  (lines, random) => lines.splice(random.below(lines.length), 1),
  (lines, random) => lines.splice(random.below(lines.length), 0, random.pick(lines)),
  (lines, random) => {
    const [a, b] = [random.below(lines.length), random.below(lines.length)];
    [lines[a], lines[b]] = [lines[b] ?? '', lines[a] ?? ''];
  },
  (lines, random, { other }) => {
    const others = Buffer.from(other()).toString('latin1').split('\n');
    lines.splice(random.below(lines.length + 1), 0, random.pick(others));
  },
  (lines, random) => {
    const at = random.below(lines.length);
    lines[at] = random.pick(['  ', '\t', '#', ';', '[', ' ; ', '-', '+']) + lines[at];
  },
];

function mutateLines(bytes: Buffer, mutation: Mutation): Buffer {
  const lines = bytes.toString('latin1').split('\n');
  mutation.random.pick(LINE_CHANGES)(lines, mutation.random, mutation);
  return Buffer.from(lines.join('\n'), 'latin1');
}

const SHAPED: Readonly<Record<Shape, (bytes: Buffer, mutation: Mutation) => Buffer>> = {
  bytes: mutateBytes,
  lines: mutateLines,
  json: mutateJson,
  xml: mutateXml,
};

function mutateBytes(bytes: Buffer, mutation: Mutation): Buffer {
  if (bytes.length === 0) return Buffer.from(randomWord(mutation));
  return mutation.random.pick(BYTE_CHANGES)(bytes, mutation);
}

/** One to eight changes, half of them such that the shape survives. */
export function mutate(input: Uint8Array, shape: Shape, mutation: Mutation): Buffer {
  const { maxBytes, random } = mutation;
  let bytes: Buffer = Buffer.from(input);
  const isShaped = random.chance(0.6);
  for (let left = random.chance(0.5) ? 1 : 1 << random.below(4); left > 0; left--) {
    const change = isShaped && random.chance(0.8) ? SHAPED[shape] : mutateBytes;
    bytes = change(bytes, mutation).subarray(0, maxBytes);
  }
  return bytes;
}
