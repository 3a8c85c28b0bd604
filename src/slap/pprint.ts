/** Values the way Python's `pprint` shows them (spec/cli.md 6.2). Pure. */
import { MarshalFloat, MarshalObject, MarshalTuple, type MarshalValue } from './marshal-value.ts';
import { pythonRepr, sortedEntries } from './python-text.ts';

const WIDTH = 80;

/**
 * One line when it fits in 80 columns, else one item per line. Long strings stay whole, so that
 * an address can be copied from the terminal.
 */
export function renderPprint(value: MarshalValue): string {
  return render(value, 0, 0);
}

/**
 * @param indent column in which the value starts
 * @param allowance columns that must stay free after it for closing brackets
 */
function render(value: MarshalValue, indent: number, allowance: number): string {
  const line = pythonRepr(value);
  const isFitting = line.length <= WIDTH - indent - allowance;
  if (isFitting || value === null || typeof value !== 'object') return line;
  if (value instanceof MarshalFloat || value instanceof MarshalObject) return line;
  const entries = listEntries(value) ?? dictionaryEntries(value as Dictionary);
  const lines = entries.map(([label, item], index) => {
    const after = index === entries.length - 1 ? allowance + 1 : 1;
    return label + render(item, indent + 1 + label.length, after);
  });
  const [open, close] = brackets(value);
  return `${open}${lines.join(`,\n${' '.repeat(indent + 1)}`)}${close}`;
}

type Entry = readonly [string, MarshalValue];
type Dictionary = Parameters<typeof sortedEntries>[0];

function listEntries(value: object): Entry[] | null {
  const items: unknown = value instanceof MarshalTuple ? value.items : value;
  return Array.isArray(items) ? items.map((item: MarshalValue) => ['', item]) : null;
}

function dictionaryEntries(value: Dictionary): Entry[] {
  return sortedEntries(value).map(([key, item]) => [`${pythonRepr(key)}: `, item]);
}

function brackets(value: object): readonly [string, string] {
  if (Array.isArray(value)) return ['[', ']'];
  if (!(value instanceof MarshalTuple)) return ['{', '}'];
  return value.items.length === 1 ? ['(', ',)'] : ['(', ')'];
}
