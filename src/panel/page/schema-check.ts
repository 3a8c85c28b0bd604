/**
 * Looks at values as they are typed, with the plain rules of a schema: errors where they are made,
 * before the server has the last word. Patterns are left to it: one written to take for ever would
 * stop the page. Pure.
 */
import { isObject, type Json, joinPointer, type Schema } from './schema.ts';

/** What is wrong by JSON pointer. */
export type Mistakes = ReadonlyMap<string, string>;

/** What a form of reasonable size needs many times over; what is left then is the server's. */
const MAX_STEPS = 3_000;

interface Check {
  readonly mistakes: Map<string, string>;
  /** Shared with the looks at alternatives. */
  readonly budget: { left: number };
}

export function checkValue(schema: Schema, value: Json): Mistakes {
  return run(schema, value, '', { left: MAX_STEPS });
}

function run(schema: Schema, value: Json, pointer: string, budget: Check['budget']): Mistakes {
  const check: Check = { mistakes: new Map(), budget };
  look(schema, value, pointer, check);
  return check.mistakes;
}

function look(schema: Schema, value: Json, pointer: string, check: Check): void {
  const { mistakes, budget } = check;
  if (value === undefined || budget.left <= 0) return;
  budget.left -= 1;
  const mistake = mistakeOf(schema, value);
  if (mistake !== undefined) {
    mistakes.set(pointer, mistake);
    return;
  }
  if (isObject(value)) lookInside(schema, value, pointer, check);
  if (Array.isArray(value) && schema.items !== undefined) {
    for (const [index, item] of value.entries()) {
      look(schema.items, item, joinPointer(pointer, index), check);
    }
  }
  for (const [place, found] of bestVariant(schema, value, pointer, budget).mistakes) {
    mistakes.set(place, found);
  }
}

function lookInside(
  schema: Schema,
  value: Readonly<Record<string, Json>>,
  pointer: string,
  check: Check,
): void {
  const { mistakes } = check;
  for (const name of schema.required) {
    if (!Object.hasOwn(value, name)) mistakes.set(joinPointer(pointer, name), 'This is required.');
  }
  for (const [name, inner] of Object.entries(value)) {
    const place = joinPointer(pointer, name);
    const part = schema.properties.get(name) ?? schema.others;
    if (part !== undefined) look(part, inner, place, check);
    else if (schema.variants.length === 0) mistakes.set(place, 'The software does not know this.');
  }
}

/** The variant with the fewest mistakes; -1 where there is none. */
function bestVariant(
  { variants }: Schema,
  value: Json,
  pointer: string,
  budget: Check['budget'],
): { readonly index: number; readonly mistakes: Mistakes } {
  const tried = variants.map((variant) => run(variant, value, pointer, budget));
  const least = Math.min(...tried.map(({ size }) => size));
  const index = tried.findIndex(({ size }) => size === least);
  return { index, mistakes: tried[index] ?? new Map() };
}

/** Index of the variant that fits best; -1 where there is none. */
export function fittingVariant(schema: Schema, value: Json): number {
  return bestVariant(schema, value, '', { left: MAX_STEPS }).index;
}

const TYPE_WORDS: Readonly<Record<Schema['kind'], string>> = {
  string: 'It must be a text.',
  number: 'It must be a number.',
  integer: 'It must be a whole number.',
  boolean: 'It must be yes or no.',
  array: 'It must be a list.',
  object: 'It must be an object.',
  any: '',
};

function mistakeOf(schema: Schema, value: Json): string | undefined {
  if (schema.choices !== undefined) {
    const text = JSON.stringify(value);
    const isKnown = schema.choices.some((choice) => JSON.stringify(choice) === text);
    if (!isKnown) return `It must be one of: ${schema.choices.map(renderChoice).join(', ')}.`;
  }
  const types = [schema.bounds['type']].flat();
  if (value === null && types.includes('null')) return undefined;
  // The kind may be a guess, of which nobody says that it must be so.
  const isKind = types.length > 1 || types[0] === undefined || hasKind(schema.kind, value);
  return isKind ? boundMistake(schema.bounds, value) : TYPE_WORDS[schema.kind];
}

export function renderChoice(choice: Json): string {
  return typeof choice === 'string' ? choice : (JSON.stringify(choice) ?? '');
}

function hasKind(kind: Schema['kind'], value: Json): boolean {
  if (kind === 'any') return true;
  if (kind === 'array') return Array.isArray(value);
  if (kind === 'object') return isObject(value);
  if (kind === 'integer') return Number.isInteger(value);
  return typeof value === kind;
}

function boundMistake(bounds: Readonly<Record<string, Json>>, value: Json): string | undefined {
  const is = (name: string, isBroken: (bound: number) => boolean) => {
    const bound = bounds[name];
    return typeof bound === 'number' && isBroken(bound) ? bound : undefined;
  };
  const tell = (bound: number | undefined, words: (bound: number) => string) =>
    bound === undefined ? undefined : words(bound);
  if (typeof value === 'number') {
    return (
      tell(
        is('minimum', (bound) => value < bound),
        (bound) => `It must be at least ${bound}.`,
      ) ??
      tell(
        is('maximum', (bound) => value > bound),
        (bound) => `It must be at most ${bound}.`,
      ) ??
      tell(
        is('exclusiveMinimum', (bound) => value <= bound),
        (b) => `It must be more than ${b}.`,
      ) ??
      tell(
        is('exclusiveMaximum', (bound) => value >= bound),
        (b) => `It must be less than ${b}.`,
      )
    );
  }
  if (typeof value === 'string') {
    const length = [...value].length;
    return (
      tell(
        is('minLength', (bound) => length < bound),
        (b) => `It needs ${b} characters or more.`,
      ) ??
      tell(
        is('maxLength', (bound) => length > bound),
        (b) => `It may have ${b} characters at most.`,
      )
    );
  }
  if (!Array.isArray(value)) return undefined;
  return (
    tell(
      is('minItems', (bound) => value.length < bound),
      (b) => `It needs ${b} entries or more.`,
    ) ??
    tell(
      is('maxItems', (bound) => value.length > bound),
      (b) => `It may have ${b} entries at most.`,
    )
  );
}
