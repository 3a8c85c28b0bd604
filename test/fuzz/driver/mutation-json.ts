/** Changes of JSON values. */
import { type Mutation, ODD_TEXTS } from './mutation.ts';
import type { Random } from './random.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

interface Place {
  readonly holder: Json[] | { [key: string]: Json };
  readonly key: string;
}

function parse(bytes: Uint8Array): Json | undefined {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as Json;
  } catch {
    return undefined;
  }
}

function placesIn(holder: Place['holder'], found: Place[]): Place[] {
  for (const [key, value] of Object.entries(holder)) {
    found.push({ holder, key });
    if (typeof value === 'object' && value !== null) placesIn(value, found);
  }
  return found;
}

/** Also of what is no own property yet, such as `__proto__`. */
function put({ holder, key }: Place, value: Json): void {
  Object.defineProperty(holder, key, {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  });
}

function randomValue({ random, words }: Mutation): Json {
  const text = words.length > 0 && random.chance(0.5) ? random.pick(words) : random.pick(ODD_TEXTS);
  return random.pick<Json>([
    ...[null, true, false, 0, -1, 1.5, 1e21, -0, 2 ** 53, 4294967296, '', text, text, text],
    ...[[], {}, [text], { [text]: text }, [[]], [{}]],
  ]);
}

const CHANGES: ReadonlyArray<(place: Place, mutation: Mutation, root: Place['holder']) => void> = [
  (place, mutation) => put(place, randomValue(mutation)),
  ({ holder, key }) => {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
  },
  (place, mutation) => {
    const { holder, key } = place;
    const value = Object.getOwnPropertyDescriptor(holder, key)?.value as Json;
    if (Array.isArray(holder)) return void holder.splice(Number(key), 0, structuredClone(value));
    const word = mutation.words.length > 0 ? mutation.random.pick(mutation.words) : 'a';
    put(
      { holder, key: mutation.random.chance(0.3) ? mutation.random.pick(ODD_TEXTS) : word },
      structuredClone(value),
    );
  },
  (place, mutation, root) => {
    const { random } = mutation;
    const from = random.pick(placesIn(root, []));
    const value = Object.getOwnPropertyDescriptor(from.holder, from.key)?.value as Json;
    put(place, structuredClone(value));
  },
  (place, { random }) => {
    const value = Object.getOwnPropertyDescriptor(place.holder, place.key)?.value as Json;
    put(place, random.chance(0.5) ? [value] : { a: value });
  },
  (place, mutation) => {
    const taken = parse(mutation.other());
    if (taken !== undefined) put(place, taken);
  },
  (place, { random }) => {
    const value = Object.getOwnPropertyDescriptor(place.holder, place.key)?.value as Json;
    if (typeof value === 'string') put(place, bend(value, random));
    if (typeof value === 'number')
      put(place, value + random.pick([1, -1, 0.5, 2 ** 31, -(2 ** 53)]));
  },
];

function bend(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  return text.slice(0, at) + random.pick(ODD_TEXTS) + text.slice(random.chance(0.5) ? at : at + 1);
}

/** What is no JSON stays as it is. */
export function mutateJson(bytes: Buffer, mutation: Mutation): Buffer {
  const value = parse(bytes);
  if (value === undefined) return bytes;
  const root = { value };
  const place = mutation.random.pick(placesIn(root, []));
  mutation.random.pick(CHANGES)(place, mutation, root);
  return Buffer.from(root.value === undefined ? '' : JSON.stringify(root.value));
}
