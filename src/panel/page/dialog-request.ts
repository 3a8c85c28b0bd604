/** Requests an instance, or the same one with other parameters. */
import type { PanelInstance, PanelOverview, PanelRequest } from '../api.ts';
import { tell } from './announce.ts';
import { refreshDetail } from './detail.ts';
import { type Dialog, dialogProblem, dialogTitle, openDialog } from './dialog.ts';
import { type ElementNode, h } from './element.ts';
import { createParameterEditor, type ParameterEditor } from './parameter-editor.ts';
import { button, emptyNote } from './parts.ts';
import { showRequestFields } from './request-fields.ts';
import type { RequestState, Wish } from './request-state.ts';
import { renderRoute } from './route.ts';
import { isObject, type JsonObject } from './schema.ts';
import { ServerProblem, server } from './server.ts';

export function openRequestDialog(overview: PanelOverview, softwareUrl = ''): void {
  const only = new Set(overview.software.map(({ url }) => url));
  const wish: Wish = {
    title: '',
    softwareUrl: softwareUrl || (only.size === 1 ? ([...only][0] ?? '') : ''),
    softwareType: '',
    isShared: false,
    state: 'started',
    computerId: '',
  };
  openWith({ wish, overview, isNew: true }, {});
}

export function openParameterDialog(instance: PanelInstance, overview: PanelOverview): void {
  const { title, softwareUrl, softwareType, isShared, computerId, requestedState } = instance;
  const state = requestedState === 'stopped' ? 'stopped' : 'started';
  const wish: Wish = { title, softwareUrl, softwareType, isShared, state, computerId };
  const open = async () => {
    const { parameters } = await server.instance(instance.reference);
    openWith(
      { wish, overview, isNew: false },
      isObject(parameters.values) ? parameters.values : {},
    );
  };
  open().catch((error: unknown) => tell(error instanceof Error ? error.message : 'It failed.'));
}

function openWith(
  what: Pick<RequestState, 'wish' | 'overview' | 'isNew'>,
  parameters: JsonObject,
): void {
  const state: RequestState = {
    ...what,
    softwareTypes: [],
    mistakes: new Map(),
    problem: '',
    hint: '',
    isBusy: false,
  };
  let dialog: Dialog | undefined;
  const refresh = () => dialog?.refresh();
  const editor = createParameterEditor(parameters, refresh);
  const changed = (field: keyof Wish) => {
    state.mistakes.delete(`/${field}`);
    refresh();
    const isOther = field === 'softwareUrl' || field === 'softwareType' || field === 'isShared';
    if (isOther) void loadSchema(state, editor);
  };
  dialog = openDialog('request', (self) => [showForm(state, editor, self, changed)]);
  void loadSchema(state, editor);
}

async function loadSchema(state: RequestState, editor: ParameterEditor): Promise<void> {
  const { softwareUrl, softwareType, isShared } = state.wish;
  if (softwareUrl.trim() === '') return editor.useSchema(undefined, '');
  const isSame = () =>
    state.wish.softwareUrl === softwareUrl &&
    state.wish.softwareType === softwareType &&
    state.wish.isShared === isShared;
  try {
    const schema = await server.schema(softwareUrl, softwareType, isShared);
    if (!isSame()) return;
    state.softwareTypes = schema.softwareTypes;
    editor.useSchema(schema, '');
  } catch (error) {
    const reason = error instanceof Error ? error.message : '';
    if (isSame()) editor.useSchema(undefined, `The schema cannot be read: ${reason}`);
  }
}

function showForm(
  state: RequestState,
  editor: ParameterEditor,
  dialog: Dialog,
  changed: (field: keyof Wish) => void,
): ElementNode {
  return h(
    'form',
    {
      key: 'form',
      novalidate: true,
      on: {
        submit: (event) => {
          event.preventDefault();
          if (!state.isBusy) void send(state, editor, dialog);
        },
      },
    },
    dialogTitle(state.isNew ? 'Request an instance' : `Parameters of ${state.wish.title}`),
    state.isNew
      ? showRequestFields(state, changed)
      : emptyNote('They reach the instance by the next run of its node.'),
    editor.show(),
    dialogProblem(state.problem, state.hint),
    h(
      'div',
      { class: 'buttons' },
      button('Cancel', dialog.close),
      h(
        'button',
        { type: 'submit', class: 'main', 'aria-busy': state.isBusy ? 'true' : undefined },
        state.isNew ? 'Request' : 'Save',
      ),
    ),
  );
}

async function send(state: RequestState, editor: ParameterEditor, dialog: Dialog): Promise<void> {
  const { wish, mistakes } = state;
  state.problem = '';
  if (wish.title.trim() === '') mistakes.set('/title', 'It needs a title.');
  if (wish.softwareUrl.trim() === '') mistakes.set('/softwareUrl', 'Choose a software.');
  const parameters = editor.take();
  if (parameters === undefined || mistakes.size > 0) return focusMistake();
  state.isBusy = true;
  dialog.refresh();
  try {
    done(
      await server.request({ ...wish, parameters, isNew: state.isNew } satisfies PanelRequest),
      state,
    );
    dialog.close();
  } catch (error) {
    showRefusal(error, state, editor);
  }
  state.isBusy = false;
  if (!dialog.isOpen) return;
  dialog.refresh();
  focusMistake();
}

function done(instance: PanelInstance, { isNew, wish }: RequestState): void {
  tell(isNew ? `${wish.title} is requested.` : `${wish.title} gets its new parameters.`);
  const { reference } = instance;
  // What another Master gave has no view here.
  const isHere = reference !== '';
  if (isNew)
    location.hash = renderRoute(isHere ? { view: 'instance', reference } : { view: 'tree' });
  refreshDetail();
}

/** At the field that it is about, where the server tells one. */
function showRefusal(error: unknown, state: RequestState, editor: ParameterEditor): void {
  const problem = error instanceof ServerProblem ? error : new ServerProblem(0, {});
  const { field, message, hint } = problem;
  if (field === '/parameters' || field.startsWith('/parameters/')) {
    editor.refuse(field.slice('/parameters'.length), message);
  } else if (field !== '' && state.isNew) {
    state.mistakes.set(field, message);
  } else {
    state.problem = message;
    state.hint = hint;
  }
}

function focusMistake(): void {
  document.querySelector<HTMLElement>('dialog [aria-invalid="true"]')?.focus();
}
