/**
 * Fast reader of `slapos.xml` as every writer of it lays it out: one element a line. The general
 * reader (`src/slap/unmarshal.ts`) takes 0.16 s for 1,000 partitions, this one a tenth; it gives up
 * on anything unusual, and then the general reader decides.
 */
import type { MarshalValue } from '../slap/marshal-value.ts';

type Container = MarshalValue[];

interface Frame {
  readonly isList: boolean;
  readonly items: Container;
}

const ROOT_START = '<marshal>\n';
const ROOT_END = '\n</marshal>\n';

const GIVE_UP = Symbol('give up');

/** @returns the value, or undefined when the text is not laid out as expected. */
export function decodeStateLines(text: string): MarshalValue | undefined {
  const stack: Frame[] = [{ isList: true, items: [] }];
  // An XML parser makes it the end of a line.
  if (text.includes('\r')) return undefined;
  const last = text.lastIndexOf(ROOT_END);
  if (!text.startsWith(ROOT_START) || text.slice(last) !== ROOT_END) return undefined;
  let start = ROOT_START.length;
  while (start <= last) {
    const end = text.indexOf('\n', start);
    if (!readLine(text.slice(skipBlanks(text, start), end), stack)) return undefined;
    start = end + 1;
  }
  const [root, ...open] = stack;
  return open.length === 0 && root?.items.length === 1 ? root.items[0] : undefined;
}

function skipBlanks(text: string, start: number): number {
  let at = start;
  while (text.charCodeAt(at) === 0x20) at += 1;
  return at;
}

/** False for a line that this reader does not know. */
function readLine(line: string, stack: Frame[]): boolean {
  // Nine of ten lines are texts.
  if (line.startsWith('<string>')) return readText(line, stack);
  if (line === '</list>' || line === '</dictionary>') return close(stack, line === '</list>');
  if (/^<(?:list|dictionary) id="i\d+">$/.test(line)) {
    stack.push({ isList: line.startsWith('<l'), items: [] });
    return true;
  }
  const value = readValue(line);
  if (value === GIVE_UP) return false;
  stack.at(-1)?.items.push(value);
  return true;
}

const TEXT_START = '<string>'.length;
const TEXT_END = '</string>'.length;

function readText(line: string, stack: Frame[]): boolean {
  const text = line.slice(TEXT_START, -TEXT_END);
  if (!line.endsWith('</string>') || text.includes('&') || text.includes('<')) return false;
  stack[stack.length - 1]?.items.push(text);
  return true;
}

function readValue(line: string): MarshalValue | typeof GIVE_UP {
  if (line === '<string/>') return '';
  if (line === '<none/>') return null;
  if (/^<list id="i\d+"\/>$/.test(line)) return [];
  if (/^<dictionary id="i\d+"\/>$/.test(line)) return {};
  const number = /^<(int|bool)>(-?\d{1,15})<\/\1>$/.exec(line);
  if (number === null) return GIVE_UP;
  return number[1] === 'bool' ? number[2] !== '0' : Number(number[2]);
}

function close(stack: Frame[], isList: boolean): boolean {
  const frame = stack.pop();
  const outer = stack.at(-1);
  if (frame === undefined || outer === undefined || frame.isList !== isList) return false;
  const value = isList ? frame.items : toDictionary(frame.items);
  if (value === undefined) return false;
  outer.items.push(value);
  return true;
}

function toDictionary(items: Container): { [key: string]: MarshalValue } | undefined {
  if (items.length % 2 !== 0) return undefined;
  const dictionary: { [key: string]: MarshalValue } = {};
  for (let index = 0; index < items.length; index += 2) {
    const key = items[index];
    if (typeof key !== 'string' || key === '__proto__') return undefined;
    dictionary[key] = items[index + 1] as MarshalValue;
  }
  return dictionary;
}
