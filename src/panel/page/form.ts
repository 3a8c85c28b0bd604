/** Which field a schema gets. */
import type { ElementNode } from './element.ts';
import { showChoices, showJson, showNumber, showText } from './form-fields.ts';
import type { FormState, Place } from './form-frame.ts';
import { showList, showObject, showVariants } from './form-groups.ts';
import type { Json, Schema } from './schema.ts';

/** What lies deeper is edited as JSON. */
const MAX_NESTING = 6;

export function showField(schema: Schema, value: Json, place: Place, form: FormState): ElementNode {
  const isShallow = place.pointer.split('/').length < MAX_NESTING;
  if (schema.variants.length > 0 && schema.kind !== 'boolean') {
    return showVariants(schema, value, place, form);
  }
  if (schema.choices !== undefined) return showChoices(schema.choices, schema, value, place, form);
  if (schema.kind === 'boolean') return showChoices([true, false], schema, value, place, form);
  if (schema.kind === 'object' && isShallow) return showObject(schema, value, place, form);
  if (schema.kind === 'array' && isShallow) return showList(schema, value, place, form);
  if (schema.kind === 'string' && typeof (value ?? '') === 'string') {
    return showText(schema, value, place, form);
  }
  if (schema.kind === 'number' || schema.kind === 'integer') {
    return showNumber(schema, value, place, form);
  }
  return showJson(schema, value, place, form);
}
