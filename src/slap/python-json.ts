/** JSON as Python reads and writes it: ints and floats stay apart (spec/cli.md 6.2). Pure. */
import { pythonFloat } from '../model/python-number.ts';
import { MarshalFloat, type MarshalValue } from './marshal-value.ts';

/** A string, or a number outside of one. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * Reads JSON; floats become {@link MarshalFloat}, large integers bigint.
 * @throws SyntaxError when the text is not JSON.
 */
export function parsePythonJson(text: string): MarshalValue {
  const mark = chooseMark(JSON.stringify(JSON.parse(text)));
  const marked = text.replace(TOKEN, (token) => {
    return token.startsWith('"') ? token : `"${mark}${token}"`;
  });
  return JSON.parse(marked, (_key, value: unknown) => {
    const isNumber = typeof value === 'string' && value.startsWith(mark);
    return isNumber ? parseNumber(value.slice(mark.length)) : value;
  }) as MarshalValue;
}

/** A start of a string that no string of the document has. */
function chooseMark(document: string): string {
  for (let count = 0; ; count += 1) {
    const mark = `number ${count}:`;
    if (!document.includes(mark)) return mark;
  }
}

function parseNumber(text: string): MarshalValue {
  if (!/^-?\d+$/.test(text)) return new MarshalFloat(Number(text));
  return Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text);
}

/** `json.dumps(value, indent=2)`: ASCII only, keys in the order of the value. */
export function renderPythonJson(value: MarshalValue): string {
  return renderValue(value, '\n');
}

function renderValue(value: MarshalValue, newline: string): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return renderString(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) ? String(value) : renderFloat(value);
  }
  if (value instanceof MarshalFloat) return renderFloat(value.value);
  const inner = `${newline}  `;
  if (Array.isArray(value)) {
    return renderBlock(
      '[',
      value.map((item) => renderValue(item, inner)),
      ']',
      newline,
    );
  }
  const pairs = value instanceof Map ? [...value.entries()] : Object.entries(value);
  const lines = pairs.map(([key, item]) => {
    return `${renderString(String(key))}: ${renderValue(item as MarshalValue, inner)}`;
  });
  return renderBlock('{', lines, '}', newline);
}

function renderBlock(open: string, lines: string[], close: string, newline: string): string {
  if (lines.length === 0) return open + close;
  return `${open}${newline}  ${lines.join(`,${newline}  `)}${newline}${close}`;
}

function renderFloat(value: number): string {
  if (Number.isFinite(value)) return pythonFloat(value);
  return Number.isNaN(value) ? 'NaN' : `${value > 0 ? '' : '-'}Infinity`;
}

function renderString(text: string): string {
  return JSON.stringify(text).replace(/[^\0-\x7e]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
