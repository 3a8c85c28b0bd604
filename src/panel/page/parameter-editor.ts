/** Parameters as a form of the software's schema, or as JSON: what is typed in one is in the other. */
import type { PanelSchema } from '../api.ts';
import { type ElementNode, h, type PageNode } from './element.ts';
import { showField } from './form.ts';
import { type FormState, showMistake } from './form-frame.ts';
import { showProperties } from './form-groups.ts';
import {
  isObject,
  type Json,
  type JsonObject,
  readSchema,
  replaceAt,
  type Schema,
} from './schema.ts';
import { checkValue, type Mistakes } from './schema-check.ts';

const RAW_ID = 'parameters-json';

export interface ParameterEditor {
  show(): PageNode;
  useSchema(schema: PanelSchema | undefined, problem: string): void;
  /** The parameters, or undefined when something is wrong, which is shown. */
  take(): JsonObject | undefined;
  /** @param pointer within the parameters, as the server tells it */
  refuse(pointer: string, mistake: string): void;
}

interface EditorState {
  value: Json;
  source: PanelSchema | undefined;
  problem: string;
  schema: Schema;
  isRaw: boolean;
  rawText: string;
  rawMistake: string | undefined;
  /** Everything that is wrong is told, not only in fields that were left. */
  isStrict: boolean;
  readonly left: Set<string>;
  readonly refused: Map<string, string>;
  readonly drafts: Map<string, string>;
  readonly choices: Map<string, number>;
}

export function createParameterEditor(value: JsonObject, refresh: () => void): ParameterEditor {
  const state: EditorState = {
    value,
    source: undefined,
    problem: '',
    schema: readSchema({}),
    isRaw: false,
    rawText: '',
    rawMistake: undefined,
    isStrict: false,
    left: new Set(),
    refused: new Map(),
    drafts: new Map(),
    choices: new Map(),
  };
  return {
    show: () => showEditor(state, refresh),
    useSchema(schema, problem) {
      state.source = schema;
      state.problem = problem;
      state.schema = schemaFor(schema);
      refresh();
    },
    take() {
      state.isStrict = true;
      const isRight = state.isRaw ? readRaw(state) : ownMistakes(state).size === 0;
      refresh();
      return isRight && isObject(state.value) ? state.value : undefined;
    },
    refuse(pointer, mistake) {
      if (state.isRaw || pointer === '') state.rawMistake = `${pointer} ${mistake}`.trim();
      state.refused.set(pointer, mistake);
      refresh();
    },
  };
}

/** Without a schema anything goes; parameters that travel as texts are edited as such. */
function schemaFor(source: PanelSchema | undefined): Schema {
  if (isObject(source?.schema)) return readSchema(source.schema);
  const others = source?.serialisation === 'xml' ? { type: 'string' } : {};
  return readSchema({ type: 'object', additionalProperties: others });
}

function ownMistakes({ schema, value }: EditorState): Mistakes {
  return checkValue(schema, value);
}

/** What is shown as wrong: what the server refused, and what is in fields that were left. */
function shownMistakes(state: EditorState): Mistakes {
  const own = [...ownMistakes(state)].filter(
    ([pointer]) => state.isStrict || state.left.has(pointer),
  );
  return new Map([...own, ...state.refused]);
}

function showEditor(state: EditorState, refresh: () => void): ElementNode {
  const form = formOf(state, refresh);
  return h(
    'fieldset',
    { key: 'parameters', class: 'parameters' },
    h('legend', {}, 'Parameters'),
    showModes(state, refresh),
    state.problem !== '' && h('p', { class: 'help' }, state.problem),
    state.source !== undefined &&
      state.source.schema === null &&
      h('p', { class: 'help' }, `No form: ${state.source.reason || 'the software has no schema.'}`),
    state.isRaw
      ? showRaw(state, refresh)
      : h(
          'div',
          { key: 'form', class: 'fields' },
          state.refused.has('') && h('p', { class: 'mistake' }, state.refused.get('')),
          state.schema.variants.length > 0
            ? showField(
                state.schema,
                state.value,
                { pointer: '', name: 'Parameters', isRequired: true },
                form,
              )
            : showProperties(state.schema, state.value, '', form),
        ),
  );
}

function formOf(state: EditorState, refresh: () => void): FormState {
  const { drafts, choices, left, refused } = state;
  const form: FormState = {
    mistakes: shownMistakes(state),
    drafts,
    choices,
    show: (schema, value, place) => showField(schema, value, place, form),
    change(pointer, value, draft) {
      state.value = replaceAt(state.value, pointer, value);
      refused.delete(pointer);
      refused.delete('');
      if (draft === undefined) drafts.clear();
      else drafts.set(pointer, draft);
      refresh();
    },
    choose(pointer, index, value) {
      choices.set(pointer, index);
      form.change(pointer, value);
    },
    leave(pointer) {
      left.add(pointer);
      refresh();
    },
  };
  return form;
}

function showModes(state: EditorState, refresh: () => void): ElementNode {
  const mode = (isRaw: boolean, label: string) =>
    h(
      'button',
      {
        type: 'button',
        class: 'small',
        'aria-pressed': state.isRaw === isRaw ? 'true' : 'false',
        on: { click: () => switchMode(state, isRaw, refresh) },
      },
      label,
    );
  return h(
    'div',
    { class: 'tools', role: 'group', 'aria-label': 'Edit as' },
    mode(false, 'Form'),
    mode(true, 'JSON'),
  );
}

function switchMode(state: EditorState, isRaw: boolean, refresh: () => void): void {
  if (isRaw === state.isRaw) return;
  if (isRaw) {
    state.rawText = JSON.stringify(state.value, null, 2);
    state.rawMistake = undefined;
  }
  // What is no JSON has no place in the form.
  if (isRaw || readRaw(state)) {
    state.isRaw = isRaw;
    state.drafts.clear();
    state.choices.clear();
  }
  refresh();
}

function readRaw(state: EditorState): boolean {
  try {
    const value = JSON.parse(state.rawText.trim() === '' ? '{}' : state.rawText) as Json;
    if (!isObject(value)) throw new Error('Parameters are an object: { "name": value }.');
    state.value = value;
    state.rawMistake = undefined;
    return true;
  } catch (error) {
    state.rawMistake = error instanceof Error ? error.message : 'This is no JSON.';
    return false;
  }
}

function showRaw(state: EditorState, refresh: () => void): ElementNode {
  return h(
    'div',
    { key: 'raw', class: 'field' },
    h('label', { for: RAW_ID }, 'Parameters as JSON'),
    h('textarea', {
      id: RAW_ID,
      class: 'code',
      rows: 10,
      spellcheck: 'false',
      autocomplete: 'off',
      'aria-describedby': `${RAW_ID}-mistake`,
      'aria-invalid': state.rawMistake === undefined ? undefined : 'true',
      value: state.rawText,
      on: {
        input: (event) => {
          state.rawText = (event.target as HTMLTextAreaElement).value;
          state.rawMistake = undefined;
          state.refused.clear();
          refresh();
        },
      },
    }),
    showMistake(RAW_ID, state.rawMistake),
  );
}
