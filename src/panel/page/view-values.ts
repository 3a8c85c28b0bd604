/** Parameters and connection details: copied by a button, what looks secret hidden until asked for. */
import type { PanelParameters } from '../api.ts';
import { tell } from './announce.ts';
import { currentDetail } from './detail.ts';
import { type ElementNode, h, type PageNode } from './element.ts';
import { button, emptyNote, outerLink } from './parts.ts';
import { looksSecret } from './secret.ts';
import { refreshPage } from './store.ts';

/** @param kind tells the two lists of a view apart */
export function showValues(kind: string, parameters: PanelParameters, none: string): ElementNode {
  const entries = Object.entries(parameters.values);
  if (entries.length === 0) return emptyNote(none);
  return h(
    'dl',
    { class: 'values' },
    entries.map(([name, value]) => showValue(`${kind} ${name}`, name, value)),
  );
}

function showValue(id: string, name: string, value: unknown): ElementNode {
  const { revealed } = currentDetail();
  const isSecret = looksSecret(name, value);
  const isHidden = isSecret && !revealed.has(id);
  const toggle = () => {
    if (!revealed.delete(id)) revealed.add(id);
    refreshPage();
  };
  return h(
    'div',
    { key: id },
    h('dt', {}, name),
    h('dd', {}, isHidden ? h('span', { class: 'muted' }, '•••••••• hidden') : showPlain(value)),
    h(
      'dd',
      { class: 'tools' },
      isSecret && labelled(isHidden ? 'Show' : 'Hide', name, toggle),
      labelled('Copy', name, () => void copy(name, textOf(value))),
    ),
  );
}

/** A button whose name tells which of many it is. */
function labelled(word: string, name: string, onClick: () => void): ElementNode {
  const node = button(word, onClick, 'small');
  return { ...node, props: { ...node.props, 'aria-label': `${word} ${name}` } };
}

function showPlain(value: unknown): PageNode {
  const text = textOf(value);
  if (typeof value !== 'string')
    return h('pre', { tabindex: text.includes('\n') ? 0 : undefined }, text);
  if (text === '') return h('span', { class: 'muted' }, 'empty');
  return text.includes('\n') ? h('pre', { tabindex: 0 }, text) : outerLink(text);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value, null, 2) ?? '');
}

async function copy(name: string, text: string): Promise<void> {
  try {
    // There is no clipboard for pages that came by plain http from another machine.
    if (navigator.clipboard === undefined) copyBySelection(text);
    else await navigator.clipboard.writeText(text);
    tell(`${name} is copied.`);
  } catch {
    tell('The browser does not allow copying: select the text instead.');
  }
}

function copyBySelection(text: string): void {
  const focused = document.activeElement;
  const field = document.createElement('textarea');
  field.value = text;
  document.body.append(field);
  field.select();
  const isDone = document.execCommand('copy');
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  if (!isDone) throw new Error('refused');
}
