/** Asks before something is started, stopped or destroyed. */
import type { PanelInstance } from '../api.ts';
import { tell } from './announce.ts';
import { refreshDetail } from './detail.ts';
import { type Dialog, dialogProblem, dialogTitle, openDialog } from './dialog.ts';
import { type ElementNode, h } from './element.ts';
import { button } from './parts.ts';
import { ServerProblem, server } from './server.ts';
import { visibleText } from './visible-text.ts';

export interface Question {
  readonly title: string;
  readonly text: string;
  /** Of the button that does it. */
  readonly label: string;
  readonly isDangerous?: boolean;
  /** Has to be typed first. */
  readonly mustType?: string;
  run(): Promise<void>;
}

export function confirmAction(question: Question): void {
  const state = { typed: '', problem: '', hint: '', isBusy: false };
  const run = async (dialog: Dialog) => {
    const { mustType } = question;
    if (mustType !== undefined && state.typed.trim() !== mustType.trim()) {
      state.problem = 'The title does not match.';
      return dialog.refresh();
    }
    state.isBusy = true;
    dialog.refresh();
    try {
      await question.run();
      dialog.close();
    } catch (error) {
      state.problem = error instanceof Error ? error.message : 'It failed.';
      state.hint = error instanceof ServerProblem ? error.hint : '';
    }
    state.isBusy = false;
    if (dialog.isOpen) dialog.refresh();
  };
  openDialog('confirm', (dialog) => [
    h(
      'form',
      {
        key: 'form',
        novalidate: true,
        on: {
          submit: (event) => {
            event.preventDefault();
            if (!state.isBusy) void run(dialog);
          },
        },
      },
      dialogTitle(question.title),
      h('p', {}, question.text),
      question.mustType !== undefined &&
        showTyped(question.mustType, (typed) => {
          state.typed = typed;
        }),
      dialogProblem(state.problem, state.hint),
      h(
        'div',
        { class: 'buttons' },
        button('Cancel', dialog.close),
        h(
          'button',
          {
            type: 'submit',
            class: question.isDangerous === true ? 'danger' : 'main',
            'aria-busy': state.isBusy ? 'true' : undefined,
            autofocus: question.mustType === undefined,
          },
          question.label,
        ),
      ),
    ),
  ]);
}

/** What is typed is what is seen: a title with hidden characters is compared as it is shown. */
function showTyped(text: string, onInput: (typed: string) => void): ElementNode {
  return h(
    'div',
    { class: 'field' },
    h('label', { for: 'typed' }, 'Type ', h('code', {}, text), ' to confirm'),
    h('input', {
      id: 'typed',
      type: 'text',
      autocomplete: 'off',
      spellcheck: 'false',
      autofocus: true,
      on: { input: (event) => onInput((event.target as HTMLInputElement).value) },
    }),
  );
}

const QUESTIONS = {
  started: { verb: 'Start', text: 'Its services will be started by the next run of its node.' },
  stopped: {
    verb: 'Stop',
    text: 'Its services will be stopped by the next run of its node. Its data stays.',
  },
  destroyed: {
    verb: 'Destroy',
    text: 'Its services will be stopped and its data deleted, for good.',
  },
} as const;

export function openStateDialog(
  instance: PanelInstance,
  state: PanelInstance['requestedState'],
): void {
  const { verb, text } = QUESTIONS[state];
  const { title, reference } = instance;
  // One that is only white space could not be typed.
  const typed = visibleText(title).trim() === '' ? reference : visibleText(title).trim();
  confirmAction({
    title: `${verb} ${title || reference}?`,
    text,
    label: verb,
    isDangerous: state === 'destroyed',
    ...(state === 'destroyed' ? { mustType: typed.replace(/\s+/g, ' ') } : {}),
    run: async () => {
      await server.setState(reference, state);
      tell(`${title || reference} is asked to be ${state}.`);
      refreshDetail();
    },
  });
}
