/** Fields for single values: texts, numbers, choices, and JSON for everything else. */
import { type ElementNode, h } from './element.ts';
import { ariaOf, type FormState, frame, type Place } from './form-frame.ts';
import type { Json, Schema } from './schema.ts';
import { renderChoice } from './schema-check.ts';

/** A text with line feeds, or that is expected to have some, gets more room. */
const LONG_TEXT = 80;

export function showText(schema: Schema, value: Json, place: Place, form: FormState): ElementNode {
  const text = typeof value === 'string' ? value : '';
  const isLong = schema.bounds['format'] === 'textarea' || text.length > LONG_TEXT;
  const control = h(isLong || text.includes('\n') ? 'textarea' : 'input', {
    ...ariaOf(place, form),
    ...(isLong || text.includes('\n') ? { rows: 4 } : { type: 'text' }),
    autocomplete: 'off',
    spellcheck: 'false',
    value: text,
    on: {
      input: (event) => {
        const typed = (event.target as HTMLInputElement).value;
        // A text that must be there may be empty; another is left out.
        form.change(place.pointer, typed === '' && !place.remove ? undefined : typed);
      },
      change: () => form.leave(place.pointer),
    },
  });
  return frame(schema, place, form, control);
}

export function showNumber(
  schema: Schema,
  value: Json,
  place: Place,
  form: FormState,
): ElementNode {
  const shown = value === undefined ? '' : renderChoice(value);
  const control = h('input', {
    ...ariaOf(place, form),
    type: 'text',
    inputmode: schema.kind === 'integer' ? 'numeric' : 'decimal',
    autocomplete: 'off',
    value: form.drafts.get(place.pointer) ?? shown,
    on: {
      input: (event) => {
        const typed = (event.target as HTMLInputElement).value;
        form.change(place.pointer, parseNumber(typed), typed);
      },
      change: () => form.leave(place.pointer),
    },
  });
  return frame(schema, place, form, control);
}

/** What is no number stays the text that it is, and is told as wrong. */
function parseNumber(typed: string): Json {
  const text = typed.trim();
  if (text === '') return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : typed;
}

export function showChoices(
  choices: readonly Json[],
  schema: Schema,
  value: Json,
  place: Place,
  form: FormState,
): ElementNode {
  const index = choices.findIndex((choice) => JSON.stringify(choice) === JSON.stringify(value));
  const words = choices.map((choice) =>
    typeof choice === 'boolean' ? (choice ? 'yes' : 'no') : renderChoice(choice),
  );
  const isStrange = value !== undefined && index < 0;
  const control = h(
    'select',
    {
      ...ariaOf(place, form),
      value: isStrange ? 'strange' : String(index),
      on: {
        change: (event) => {
          const chosen = (event.target as HTMLSelectElement).value;
          if (chosen !== 'strange') form.change(place.pointer, choices[Number(chosen)]);
          form.leave(place.pointer);
        },
      },
    },
    h('option', { key: '-1', value: '-1' }, 'not set'),
    isStrange && h('option', { key: 'strange', value: 'strange' }, renderChoice(value)),
    words.map((word, place) =>
      h('option', { key: `${place}`, value: `${place}` }, word || 'empty'),
    ),
  );
  return frame(schema, place, form, control);
}

export function showJson(schema: Schema, value: Json, place: Place, form: FormState): ElementNode {
  const shown = value === undefined ? '' : JSON.stringify(value, null, 2);
  const control = h('textarea', {
    ...ariaOf(place, form),
    class: 'code',
    rows: 3,
    spellcheck: 'false',
    value: form.drafts.get(place.pointer) ?? shown,
    on: {
      input: (event) => {
        const typed = (event.target as HTMLTextAreaElement).value;
        form.change(place.pointer, parseLoosely(typed), typed);
      },
      change: () => form.leave(place.pointer),
    },
  });
  return frame(schema, place, form, control);
}

/** JSON, or a text where it is none: what a person means by `hello`. */
function parseLoosely(typed: string): Json {
  if (typed.trim() === '') return undefined;
  try {
    return JSON.parse(typed) as Json;
  } catch {
    return typed;
  }
}
