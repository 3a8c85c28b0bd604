/** What every field of a form has: label, help, what is wrong with it, and whom it tells of changes. */
import { type ElementNode, h, type PageNode } from './element.ts';
import { button } from './parts.ts';
import type { Json, Schema } from './schema.ts';
import { type Mistakes, renderChoice } from './schema-check.ts';

export interface FormState {
  readonly mistakes: Mistakes;
  /** What was typed where that is more than its value, such as `1.`. */
  readonly drafts: ReadonlyMap<string, string>;
  /** Alternatives that were chosen by hand. */
  readonly choices: ReadonlyMap<string, number>;
  /** The field of a schema, whatever its kind. */
  show(schema: Schema, value: Json, place: Place): ElementNode;
  change(pointer: string, value: Json, draft?: string): void;
  choose(pointer: string, index: number, value: Json): void;
  /** The field was left: what is wrong with it may be told. */
  leave(pointer: string): void;
}

export interface Place {
  readonly pointer: string;
  readonly name: string;
  readonly isRequired: boolean;
  /** Takes it away, where that is possible. */
  readonly remove?: () => void;
}

export function fieldId(pointer: string): string {
  return `field${pointer}`;
}

export interface Aria {
  readonly id: string;
  readonly 'aria-describedby': string;
  readonly 'aria-invalid': string | undefined;
  readonly required: boolean;
}

export function ariaOf({ pointer, isRequired }: Place, form: FormState): Aria {
  const id = fieldId(pointer);
  return {
    id,
    'aria-describedby': `${id}-help ${id}-mistake`,
    'aria-invalid': form.mistakes.has(pointer) ? 'true' : undefined,
    required: isRequired,
  };
}

export function frame(
  schema: Schema,
  place: Place,
  form: FormState,
  control: PageNode,
): ElementNode {
  const { pointer, name, isRequired, remove } = place;
  const id = fieldId(pointer);
  return h(
    'div',
    { key: pointer, class: 'field' },
    h(
      'label',
      { for: id },
      schema.title || name,
      schema.title !== '' && schema.title !== name && h('code', {}, name),
      isRequired && h('span', { class: 'must' }, 'required'),
    ),
    showHelp(schema, id),
    h('div', { class: 'control' }, control, remove !== undefined && removeButton(name, remove)),
    showMistake(id, form.mistakes.get(pointer)),
  );
}

export function showHelp(schema: Schema, id: string): ElementNode {
  const fallback =
    schema.default === undefined ? '' : `Default: ${renderDefault(schema.default) || 'empty'}`;
  return h('p', { id: `${id}-help`, class: 'help' }, schema.description, ' ', fallback);
}

function renderDefault(value: Json): string {
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : renderChoice(value);
}

export function showMistake(id: string, mistake: string | undefined): ElementNode {
  return h('p', { id: `${id}-mistake`, class: 'mistake' }, mistake);
}

export function removeButton(name: string, remove: () => void): ElementNode {
  const node = button('Remove', remove, 'small');
  return { ...node, props: { ...node.props, 'aria-label': `Remove ${name}` } };
}

export function group(
  schema: Schema,
  place: Place,
  form: FormState,
  ...children: PageNode[]
): ElementNode {
  const id = fieldId(place.pointer);
  const { name, isRequired, remove } = place;
  return h(
    'fieldset',
    { key: place.pointer, id, 'aria-describedby': `${id}-help ${id}-mistake` },
    h('legend', {}, schema.title || name, isRequired && h('span', { class: 'must' }, 'required')),
    showHelp(schema, id),
    showMistake(id, form.mistakes.get(place.pointer)),
    children,
    remove !== undefined && removeButton(name, remove),
  );
}
