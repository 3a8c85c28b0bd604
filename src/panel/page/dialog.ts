/** Native dialogs: the browser keeps the focus in, gives it back, and closes them by Escape. */
import { type ElementNode, h, type PageNode } from './element.ts';
import { createRoot } from './patch.ts';

export interface Dialog {
  /** Shows the content again. */
  refresh(): void;
  close(): void;
  readonly isOpen: boolean;
}

/** @param show gives the content; `dialog-title` is the id of its title. */
export function openDialog(kind: string, show: (dialog: Dialog) => readonly PageNode[]): Dialog {
  const element = document.createElement('dialog');
  element.className = kind;
  element.setAttribute('aria-labelledby', 'dialog-title');
  const root = createRoot(element);
  const dialog: Dialog = {
    refresh: () => root.show(show(dialog)),
    close: () => element.close(),
    get isOpen() {
      return element.open;
    },
  };
  element.addEventListener('close', () => element.remove());
  document.body.append(element);
  dialog.refresh();
  element.showModal();
  return dialog;
}

export function dialogTitle(text: string): ElementNode {
  return h('h2', { id: 'dialog-title', key: 'title' }, text);
}

/** What is wrong with the whole, told when it appears. */
export function dialogProblem(text: string, hint = ''): ElementNode {
  return h(
    'div',
    { key: 'problem', role: 'alert' },
    text !== '' && h('p', { class: 'problem' }, text, hint !== '' && h('span', {}, ` ${hint}`)),
  );
}
