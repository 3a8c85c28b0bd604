/** The fields of a request besides its parameters. */
import { type Child, type ElementNode, h } from './element.ts';
import { showMistake } from './form-frame.ts';
import type { RequestState, Wish } from './request-state.ts';

export function showRequestFields(
  state: RequestState,
  changed: (field: keyof Wish) => void,
): ElementNode[] {
  return [
    showTitle(state, changed),
    showSoftware(state, changed),
    showType(state, changed),
    showComputer(state, changed),
    showState(state, changed),
    showShared(state, changed),
  ];
}

interface FieldText {
  readonly label: string;
  readonly help?: string;
  readonly isRequired?: boolean;
}

function field(
  state: RequestState,
  name: keyof Wish,
  { label, help = '', isRequired = false }: FieldText,
  control: (aria: Readonly<Record<string, string | boolean | undefined>>) => Child,
): ElementNode {
  const id = `wish-${name}`;
  const mistake = state.mistakes.get(`/${name}`);
  const aria = {
    id,
    required: isRequired,
    'aria-describedby': `${id}-help ${id}-mistake`,
    'aria-invalid': mistake === undefined ? undefined : 'true',
  };
  return h(
    'div',
    { key: name, class: 'field' },
    h('label', { for: id }, label, isRequired && h('span', { class: 'must' }, 'required')),
    h('p', { id: `${id}-help`, class: 'help' }, help),
    control(aria),
    showMistake(id, mistake),
  );
}

type Change = (field: keyof Wish) => void;

function showTitle(state: RequestState, changed: Change): ElementNode {
  return field(state, 'title', { label: 'Title', isRequired: true }, (aria) =>
    h('input', {
      ...aria,
      type: 'text',
      autocomplete: 'off',
      autofocus: true,
      value: state.wish.title,
      on: {
        input: (event) => {
          state.wish.title = (event.target as HTMLInputElement).value;
          changed('title');
        },
      },
    }),
  );
}

function showSoftware(state: RequestState, changed: Change): ElementNode {
  const urls = [...new Set(state.overview.software.map(({ url }) => url))];
  const help = 'One that is supplied to a node.';
  return field(state, 'softwareUrl', { label: 'Software', help, isRequired: true }, (aria) => [
    h('input', {
      ...aria,
      type: 'text',
      list: 'wish-urls',
      autocomplete: 'off',
      spellcheck: 'false',
      value: state.wish.softwareUrl,
      on: {
        change: (event) => {
          state.wish.softwareUrl = (event.target as HTMLInputElement).value.trim();
          changed('softwareUrl');
        },
      },
    }),
    h(
      'datalist',
      { id: 'wish-urls' },
      urls.map((value) => h('option', { key: value, value })),
    ),
  ]);
}

function showType(state: RequestState, changed: Change): ElementNode {
  const { softwareTypes, wish } = state;
  const write = (event: Event) => {
    wish.softwareType = (event.target as HTMLInputElement | HTMLSelectElement).value;
    changed('softwareType');
  };
  const help = softwareTypes.length > 0 ? '' : 'Empty for the default.';
  return field(state, 'softwareType', { label: 'Type', help }, (aria) =>
    softwareTypes.length > 0
      ? h(
          'select',
          { ...aria, value: wish.softwareType, on: { change: write } },
          !softwareTypes.includes(wish.softwareType) &&
            h('option', { key: '', value: wish.softwareType }, wish.softwareType || 'the default'),
          softwareTypes.map((value) => h('option', { key: value, value }, value)),
        )
      : h('input', {
          ...aria,
          type: 'text',
          autocomplete: 'off',
          value: wish.softwareType,
          on: { change: write },
        }),
  );
}

function showComputer(state: RequestState, changed: Change): ElementNode {
  return field(state, 'computerId', { label: 'Node' }, (aria) =>
    h(
      'select',
      {
        ...aria,
        value: state.wish.computerId,
        on: {
          change: (event) => {
            state.wish.computerId = (event.target as HTMLSelectElement).value;
            changed('computerId');
          },
        },
      },
      h('option', { key: '', value: '' }, 'any'),
      state.overview.nodes.map(({ computerId }) =>
        h('option', { key: computerId, value: computerId }, computerId),
      ),
    ),
  );
}

function showState(state: RequestState, changed: Change): ElementNode {
  return field(state, 'state', { label: 'State' }, (aria) =>
    h(
      'select',
      {
        ...aria,
        value: state.wish.state,
        on: {
          change: (event) => {
            const { value } = event.target as HTMLSelectElement;
            state.wish.state = value === 'stopped' ? 'stopped' : 'started';
            changed('state');
          },
        },
      },
      h('option', { key: 'started', value: 'started' }, 'started'),
      h('option', { key: 'stopped', value: 'stopped' }, 'stopped'),
    ),
  );
}

function showShared(state: RequestState, changed: Change): ElementNode {
  return h(
    'label',
    { key: 'isShared', class: 'check' },
    h('input', {
      type: 'checkbox',
      checked: state.wish.isShared,
      on: {
        change: (event) => {
          state.wish.isShared = (event.target as HTMLInputElement).checked;
          changed('isShared');
        },
      },
    }),
    'Shared: one of many within an instance that exists',
  );
}
