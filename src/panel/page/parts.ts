/** Small pieces that several views show. */
import { type Child, type ElementNode, h } from './element.ts';
import { renderMoment } from './words.ts';

export type Mood = 'good' | 'bad' | 'warn' | 'idle';

/** A word with a dot in its colour; the word says it all. */
export function badge(mood: Mood, word: string): ElementNode {
  return h('span', { class: `badge ${mood}` }, word);
}

/** What is no moment, which a partition may tell, is a mere text. */
export function moment(atMs: number, text: string): ElementNode {
  const date = new Date(atMs);
  const datetime = Number.isNaN(date.getTime()) ? undefined : date.toISOString();
  return h('time', { datetime, title: renderMoment(atMs) }, text);
}

/** An address that leads out of the page, where it is one of the web. */
export function outerLink(address: string): ElementNode {
  if (!/^https?:\/\//i.test(address)) return h('span', {}, address);
  return h('a', { href: address, target: '_blank', rel: 'noopener noreferrer' }, address);
}

export function button(label: string, onClick: () => void, kind = ''): ElementNode {
  return h('button', { type: 'button', class: kind, on: { click: onClick } }, label);
}

export function emptyNote(...children: readonly Child[]): ElementNode {
  return h('p', { class: 'empty' }, children);
}

export interface Column {
  readonly name: string;
  readonly class?: string;
}

/**
 * A table whose rows are laid out by the style sheet, so that those out of sight need no layout.
 * The roles say what `display: grid` takes from a table.
 */
export function table(
  label: string,
  kind: string,
  columns: readonly Column[],
  rows: readonly ElementNode[],
): ElementNode {
  const heads = columns.map((column) =>
    h('th', { role: 'columnheader', scope: 'col', class: column.class }, column.name),
  );
  return h(
    'table',
    { role: 'table', class: `table ${kind}`, 'aria-label': label },
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, heads)),
    h('tbody', { role: 'rowgroup' }, rows),
  );
}

export function row(key: string, kind: string, cells: readonly ElementNode[]): ElementNode {
  return h('tr', { role: 'row', key, class: kind }, cells);
}

export function cell(kind: string, ...children: readonly Child[]): ElementNode {
  return h('td', { role: 'cell', class: kind }, children);
}

export function section(title: string, id: string, ...children: readonly Child[]): ElementNode {
  const titleId = `${id}-title`;
  return h(
    'section',
    { key: id, id, 'aria-labelledby': titleId },
    h('h2', { id: titleId }, title),
    children,
  );
}
