/**
 * XML-RPC as supervisord speaks it (spec/supervisor.md 4.1; xmlrpc.com/spec): integers, booleans,
 * strings, doubles, arrays and structs both ways; dates and base64 are accepted and become text.
 * Pure.
 */
import { SaxesParser, type SaxesTagPlain } from 'saxes';

export type RpcValue =
  | string
  | number
  | boolean
  /** `<nil/>`: only our own methods answer it. */
  | null
  | readonly RpcValue[]
  | { readonly [member: string]: RpcValue };

/** A fault of the server (spec 4.2). `code` distinguishes it across bundles. */
export class RpcFault extends Error {
  readonly code = 'XML_RPC_FAULT';
  readonly faultCode: number;

  constructor(faultCode: number, faultString: string) {
    super(faultString);
    this.name = 'RpcFault';
    this.faultCode = faultCode;
  }
}

/** Text that is not XML-RPC. */
export class RpcSyntaxError extends Error {}

export function isRpcFault(error: unknown): error is RpcFault {
  return (error as { code?: unknown } | null)?.code === 'XML_RPC_FAULT';
}

const PROLOGUE = "<?xml version='1.0'?>\n";
// Characters that XML 1.0 forbids, and halves of surrogate pairs.
const FORBIDDEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Escapes a text; characters that XML cannot carry become U+FFFD, `\r` survives as a reference. */
export function escapeText(text: string): string {
  return text.replace(FORBIDDEN, '\ufffd').replace(/[&<>\r]/g, (mark) => {
    return mark === '&' ? '&amp;' : mark === '<' ? '&lt;' : mark === '>' ? '&gt;' : '&#13;';
  });
}

function encodeNumber(value: number): string {
  if (!Number.isInteger(value)) return `<double>${value}</double>`;
  return `<int>${Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, value))}</int>`;
}

/** One value with its `<value>` tags. Whole numbers become `<int>`, capped to 32 bits. */
export function encodeValue(value: RpcValue): string {
  if (value === null) return '<value><nil/></value>';
  if (typeof value === 'string') return `<value><string>${escapeText(value)}</string></value>`;
  if (typeof value === 'number') return `<value>${encodeNumber(value)}</value>`;
  if (typeof value === 'boolean') return `<value><boolean>${value ? 1 : 0}</boolean></value>`;
  if (isArray(value)) {
    return `<value><array><data>${value.map(encodeValue).join('')}</data></array></value>`;
  }
  const members = Object.entries(value).map(([name, member]) => {
    return `<member><name>${escapeText(name)}</name>${encodeValue(member)}</member>`;
  });
  return `<value><struct>${members.join('')}</struct></value>`;
}

function isArray(value: RpcValue): value is readonly RpcValue[] {
  return Array.isArray(value);
}

export function encodeCall(method: string, params: readonly RpcValue[]): string {
  const list = params.map((value) => `<param>${encodeValue(value)}</param>`).join('');
  return `${PROLOGUE}<methodCall><methodName>${escapeText(method)}</methodName><params>${list}</params></methodCall>`;
}

/** A reply around a value that {@link encodeValue} made. */
export function encodeReply(encodedValue: string): string {
  return `${PROLOGUE}<methodResponse><params><param>${encodedValue}</param></params></methodResponse>`;
}

export function encodeFault(faultCode: number, faultString: string): string {
  const fault = encodeValue({ faultCode, faultString });
  return `${PROLOGUE}<methodResponse><fault>${fault}</fault></methodResponse>`;
}

interface Frame {
  readonly tag: string;
  text: string;
  readonly values: RpcValue[];
  /** `<member>` only. */
  name: string;
  value: RpcValue | undefined;
  readonly members: Array<[string, RpcValue]>;
}

function newFrame(tag: string): Frame {
  return { tag, text: '', values: [], name: '', value: undefined, members: [] };
}

function integer(text: string): number {
  if (!/^\s*[+-]?\d+\s*$/.test(text)) throw new RpcSyntaxError(`not an integer: ${text}`);
  return Number(text);
}

function double(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new RpcSyntaxError(`not a double: ${text}`);
  return value;
}

/** The value that a closing type tag stands for; undefined for other tags. */
function typedValue(frame: Frame): RpcValue | undefined {
  switch (frame.tag) {
    case 'int':
    case 'i4':
    case 'i8':
      return integer(frame.text);
    case 'boolean':
      return integer(frame.text) !== 0;
    case 'double':
      return double(frame.text);
    case 'string':
    case 'dateTime.iso8601':
      return frame.text;
    case 'base64':
      return Buffer.from(frame.text, 'base64').toString('utf8');
    case 'nil':
      return null;
    case 'array':
      return frame.values;
    case 'struct':
      return Object.fromEntries(frame.members);
    default:
      return undefined;
  }
}

interface Document {
  method: string | undefined;
  isFault: boolean;
  readonly params: RpcValue[];
}

/** Hands what a closed tag carries to the tag around it. */
function closeFrame(frame: Frame, parent: Frame | undefined, document: Document): void {
  if (frame.tag === 'methodName') document.method = frame.text.trim();
  else if (frame.tag === 'fault') {
    document.isFault = true;
    document.params.push(...frame.values);
  } else if (frame.tag === 'param') document.params.push(...frame.values);
  else if (parent === undefined) return;
  else if (frame.tag === 'value') {
    parent.values.push(frame.value === undefined ? frame.text : frame.value);
  } else if (frame.tag === 'name') parent.name = frame.text;
  else if (frame.tag === 'data') parent.values.push(...frame.values);
  else if (frame.tag === 'member') {
    const [value = ''] = frame.values;
    parent.members.push([frame.name, value]);
  } else {
    const value = typedValue(frame);
    if (value !== undefined) parent.value = value;
  }
}

const MAX_DEPTH = 100;

function parseDocument(text: string, root: string): Document {
  const document: Document = { method: undefined, isFault: false, params: [] };
  const stack: Frame[] = [];
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw new RpcSyntaxError(error.message);
  });
  parser.on('doctype', () => {
    throw new RpcSyntaxError('a document type is not allowed');
  });
  parser.on('opentag', ({ name }: SaxesTagPlain) => {
    if (stack.length === 0 && name !== root) throw new RpcSyntaxError(`<${name}> is not ${root}`);
    if (stack.length >= MAX_DEPTH) throw new RpcSyntaxError('values nest too deep');
    stack.push(newFrame(name));
  });
  const append = (part: string) => {
    const frame = stack.at(-1);
    if (frame !== undefined) frame.text += part;
  };
  parser.on('text', append);
  parser.on('cdata', append);
  parser.on('closetag', () => {
    const frame = stack.pop();
    if (frame !== undefined) closeFrame(frame, stack.at(-1), document);
  });
  parser.write(text).close();
  return document;
}

export interface RpcCall {
  readonly method: string;
  readonly params: readonly RpcValue[];
}

/** @throws RpcSyntaxError on broken XML and on a call without a method name. */
export function decodeCall(text: string): RpcCall {
  const { method, params } = parseDocument(text, 'methodCall');
  if (method === undefined || method === '') throw new RpcSyntaxError('no methodName');
  return { method, params };
}

/**
 * The one value of a reply.
 * @throws RpcFault when the server sent a fault, RpcSyntaxError on anything else.
 */
export function decodeReply(text: string): RpcValue {
  const { params, isFault } = parseDocument(text, 'methodResponse');
  const value = params[0];
  if (value === undefined) throw new RpcSyntaxError('a reply without a value');
  if (!isFault) return value;
  const fault = value as { readonly faultCode?: number; readonly faultString?: string };
  throw new RpcFault(Number(fault.faultCode ?? 0), String(fault.faultString ?? ''));
}
