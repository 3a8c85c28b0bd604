/** The last lines of a log, which stays at its end while it is followed and the end is in sight. */
import { changeDetail, type Detail } from './detail.ts';
import { type ElementNode, h, type PageNode } from './element.ts';
import { emptyNote } from './parts.ts';
import { createRoot, type Root } from './patch.ts';

const END_PX = 40;

export function showLog(detail: Detail): PageNode {
  const logs = detail.partition?.logs;
  if (logs === undefined) return emptyNote('…');
  if (logs.length === 0) return emptyNote('Nothing has been logged yet.');
  return h(
    'div',
    { class: 'log' },
    showTools(detail, logs),
    detail.log?.problem && h('p', { class: 'problem' }, detail.log.problem),
    h('div', { key: detail.logName ?? '', own: ownLines, class: 'lines' }),
  );
}

function showTools(detail: Detail, logs: readonly string[]): ElementNode {
  return h(
    'div',
    { class: 'tools' },
    h('label', { for: 'log-name' }, 'File'),
    h(
      'select',
      {
        id: 'log-name',
        value: detail.logName ?? logs[0] ?? '',
        on: {
          change: (event) => {
            changeDetail({ logName: (event.target as HTMLSelectElement).value });
          },
        },
      },
      logs.map((name) => h('option', { key: name, value: name }, name)),
    ),
    h(
      'label',
      { class: 'check' },
      h('input', {
        type: 'checkbox',
        checked: detail.isFollowing,
        on: {
          change: (event) =>
            changeDetail({ isFollowing: (event.target as HTMLInputElement).checked }),
        },
      }),
      'Follow',
    ),
  );
}

let shown: { readonly element: HTMLElement; readonly root: Root } | undefined;

function ownLines(element: HTMLElement): void {
  const pre = document.createElement('pre');
  pre.tabIndex = 0;
  pre.setAttribute('aria-label', 'Log, last lines');
  pre.setAttribute('role', 'region');
  element.append(pre);
  shown = { element: pre, root: createRoot(pre) };
}

/** Called when the page has been shown: the lines are in place then and can be scrolled. */
export function fillLog(detail: Detail): void {
  if (shown === undefined || !shown.element.isConnected) return;
  const { element, root } = shown;
  const lines = detail.log?.name === detail.logName ? (detail.log?.lines ?? []) : [];
  const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < END_PX;
  const isFirst = element.childElementCount === 0;
  root.show(lines.map((line) => h('span', {}, `${line.replace(/(?<![\r\n])[\r\n]+$/, '')}\n`)));
  if (detail.isFollowing && (isAtEnd || isFirst)) element.scrollTop = element.scrollHeight;
}
