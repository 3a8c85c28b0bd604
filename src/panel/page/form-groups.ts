/** Fields that hold fields: alternatives, lists and objects. */
import { type ElementNode, h } from './element.ts';
import { type FormState, fieldId, group, type Place } from './form-frame.ts';
import { button } from './parts.ts';
import { isObject, type Json, joinPointer, type Schema } from './schema.ts';
import { fittingVariant } from './schema-check.ts';

export function showVariants(
  schema: Schema,
  value: Json,
  place: Place,
  form: FormState,
): ElementNode {
  const { pointer } = place;
  const { variants } = schema;
  const index =
    form.choices.get(pointer) ?? (value === undefined ? -1 : fittingVariant(schema, value));
  const id = `${fieldId(pointer)}-variant`;
  const chosen = variants[index];
  return group(
    schema,
    place,
    form,
    h('label', { for: id }, 'Kind'),
    h(
      'select',
      {
        id,
        value: String(index),
        on: {
          change: (event) => {
            const wanted = Number((event.target as HTMLSelectElement).value);
            form.choose(pointer, wanted, initialValue(variants[wanted]));
          },
        },
      },
      h('option', { key: '-1', value: '-1' }, 'not set'),
      variants.map((variant, at) =>
        h(
          'option',
          { key: `${at}`, value: `${at}` },
          variant.title || `${variant.kind} (${at + 1})`,
        ),
      ),
    ),
    chosen === undefined
      ? ''
      : form.show(withoutTitle(chosen), value, { pointer, name: place.name, isRequired: false }),
  );
}

/** Its title is told by the choice above it. */
function withoutTitle(schema: Schema): Schema {
  return Object.assign(Object.create(schema) as Schema, { title: 'Value' });
}

/** What a value of a kind begins as; undefined where nothing is the better beginning. */
export function initialValue(schema: Schema | undefined): Json {
  if (schema === undefined) return undefined;
  if (schema.default !== undefined) return schema.default;
  if (schema.choices?.length === 1) return schema.choices[0];
  if (schema.kind === 'array') return [];
  if (schema.kind !== 'object') return undefined;
  const known = [...schema.properties].filter(
    ([name, part]) => schema.required.has(name) && part.choices?.length === 1,
  );
  return Object.fromEntries(known.map(([name, part]) => [name, part.choices?.[0]]));
}

export function showList(schema: Schema, value: Json, place: Place, form: FormState): ElementNode {
  const list = Array.isArray(value) ? (value as readonly Json[]) : [];
  const { items } = schema;
  const entries = list.map((item, index) => {
    const pointer = joinPointer(place.pointer, index);
    const remove = () => form.change(pointer, undefined);
    const name = `${schema.title || place.name} ${index + 1}`;
    return form.show(items ?? schema, item, { pointer, name, isRequired: false, remove });
  });
  const add = () => {
    const isText = items?.kind === 'string' && items.choices === undefined;
    const first = initialValue(items) ?? items?.choices?.[0] ?? (isText ? '' : null);
    form.change(place.pointer, [...list, first]);
  };
  const more = button(`Add to ${schema.title || place.name}`, add, 'small');
  return group(schema, place, form, ...entries, more);
}

export function showObject(
  schema: Schema,
  value: Json,
  place: Place,
  form: FormState,
): ElementNode {
  if (value === undefined && !place.isRequired && place.pointer !== '') {
    const begin = () => form.change(place.pointer, initialValue(schema) ?? {});
    return group(schema, place, form, button(`Set ${schema.title || place.name}`, begin, 'small'));
  }
  const remove = place.isRequired ? undefined : () => form.change(place.pointer, undefined);
  const own = place.remove ?? remove;
  return group(
    schema,
    own === undefined ? place : { ...place, remove: own },
    form,
    ...showProperties(schema, value, place.pointer, form),
  );
}

/** The fields of an object, known ones first. */
export function showProperties(
  schema: Schema,
  value: Json,
  pointer: string,
  form: FormState,
): ElementNode[] {
  const values = isObject(value) ? value : {};
  const { properties, required, others } = schema;
  const known = [...properties].map(([name, part]) => {
    const place = { pointer: joinPointer(pointer, name), name, isRequired: required.has(name) };
    return form.show(part, Object.hasOwn(values, name) ? values[name] : undefined, place);
  });
  const more = Object.keys(values).filter((name) => !properties.has(name));
  const extra = more.map((name) => {
    const inner = joinPointer(pointer, name);
    const remove = () => form.change(inner, undefined);
    const part = others ?? ANYTHING;
    return form.show(part, values[name], { pointer: inner, name, isRequired: false, remove });
  });
  return [...known, ...extra, ...(others === undefined ? [] : [showAdd(others, pointer, form)])];
}

const ANYTHING: Schema = {
  kind: 'any',
  title: '',
  description: '',
  default: undefined,
  choices: undefined,
  variants: [],
  properties: new Map(),
  required: new Set(),
  others: undefined,
  items: undefined,
  bounds: {},
};

/** A name that the schema does not list. */
function showAdd(others: Schema, pointer: string, form: FormState): ElementNode {
  const id = `${fieldId(pointer)}-more`;
  const add = () => {
    const field = document.getElementById(id) as HTMLInputElement;
    const name = field.value.trim();
    if (name === '') return field.focus();
    field.value = '';
    form.change(joinPointer(pointer, name), initialValue(others) ?? '');
    document.getElementById(fieldId(joinPointer(pointer, name)))?.focus();
  };
  return h(
    'div',
    { key: `${pointer} more`, class: 'field' },
    h('label', { for: id }, 'Another parameter'),
    h(
      'div',
      { class: 'control' },
      h('input', {
        id,
        type: 'text',
        autocomplete: 'off',
        placeholder: 'its name',
        on: {
          keydown: (event) => {
            if (event.key !== 'Enter') return;
            event.preventDefault();
            add();
          },
        },
      }),
      button('Add', add, 'small'),
    ),
  );
}
