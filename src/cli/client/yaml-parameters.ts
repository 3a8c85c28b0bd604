/** Parameters in YAML 1.1, as PyYAML's safe loader reads them (spec/cli.md 6.2). */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
  visit,
  type YAMLMap,
} from 'yaml';
import { errorMessage } from '../../errors/slapos-error.ts';
import { pythonFloat } from '../../model/python-number.ts';
import { MAX_JSON_DEPTH } from '../../slap/json-text.ts';
import { MarshalFloat, type MarshalValue } from '../../slap/marshal-value.ts';
import { resolvePlainScalar } from './yaml-scalar.ts';

export interface YamlText {
  readonly value: MarshalValue;
  /** Keys that stand twice in one mapping: the last one counts, as in PyYAML. */
  readonly repeated: readonly { readonly key: string; readonly place: string }[];
}

/** Tags of values that Python can write as JSON. */
const TAG = /^tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq|merge)$/;

/** Paths in the document hold a mapping or list, and for mappings the pair too. */
const MAX_PATH = 2 * MAX_JSON_DEPTH;

/** @throws Error with line and column of what cannot be read or sent. */
export function parseYamlText(text: string): YamlText {
  const lineCounter = new LineCounter();
  const document = parse(text, lineCounter);
  const place = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    return `line ${line}, column ${col}`;
  };
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw new SyntaxError(`${place(problem.pos[0])}: ${problem.message}`);
  const repeated: { key: string; place: string }[] = [];
  const anchors = new Set<string>();
  const placeOf = (node: Node) => place(node.range?.[0] ?? 0);
  visit(document, {
    Node(role, node, path) {
      if (path.length > MAX_PATH) {
        throw new SyntaxError(
          `${placeOf(node)}: values are nested more than ${MAX_JSON_DEPTH} deep`,
        );
      }
      if (!isAlias(node) && node.tag !== undefined && !TAG.test(node.tag)) {
        throw new SyntaxError(`${placeOf(node)}: values of type ${node.tag} cannot be sent`);
      }
      // By hand: each search of the library's goes over the whole document.
      if (isAlias(node) && !anchors.has(node.source)) {
        throw new SyntaxError(`${placeOf(node)}: *${node.source} stands for nothing before it`);
      }
      if (!isAlias(node) && node.anchor !== undefined) anchors.add(node.anchor);
      if (isScalar(node) && role !== 'key') convertScalar(node, () => placeOf(node));
      if (isMap(node)) repeated.push(...findRepeated(node, placeOf));
    },
    Pair(_key, pair) {
      convertKey(pair, placeOf);
    },
  });
  // Aliases are expanded a hundred times as much as the document at most.
  return { value: expand(document), repeated };
}

function parse(text: string, lineCounter: LineCounter): Document.Parsed {
  const options = { intAsBigInt: true, uniqueKeys: false, prettyErrors: false, lineCounter };
  try {
    return parseDocument(text, { version: '1.1', ...options });
  } catch (cause) {
    // The stack is used up by thousands of values within one another.
    if (!(cause instanceof RangeError)) throw cause;
    throw new SyntaxError(`values are nested more than ${MAX_JSON_DEPTH} deep`, { cause });
  }
}

function expand(document: Document.Parsed): MarshalValue {
  try {
    return document.toJS({ mapAsMap: true }) as MarshalValue;
  } catch (cause) {
    // ReferenceError for aliases that stand for too much.
    throw new SyntaxError(errorMessage(cause), { cause });
  }
}

function convertScalar(node: Scalar, place: () => string): void {
  const isPlain = node.type === Scalar.PLAIN && node.tag === undefined;
  const value = isPlain ? resolvePlainScalar(node.source ?? '', place) : node.value;
  if (typeof value === 'bigint') {
    node.value = Number.isSafeInteger(Number(value)) ? Number(value) : value;
  } else {
    node.value = typeof value === 'number' ? new MarshalFloat(value) : value;
  }
}

/** Keys become what Python's JSON makes of them. */
function convertKey({ key }: Pair, placeOf: (node: Node) => string): void {
  if (!isScalar(key)) throw new SyntaxError('a key must be a text');
  if (isMerge(key)) return;
  convertScalar(key, () => placeOf(key));
  key.value = keyText(key.value);
}

function isMerge(key: Scalar): boolean {
  return key.type === Scalar.PLAIN && key.source === '<<';
}

function keyText(value: unknown): string {
  if (value instanceof MarshalFloat) return pythonFloat(value.value);
  return String(value);
}

function findRepeated(
  map: YAMLMap,
  placeOf: (node: Node) => string,
): { key: string; place: string }[] {
  const seen = new Set<unknown>();
  const found: { key: string; place: string }[] = [];
  for (const { key } of map.items) {
    if (!isScalar(key) || isMerge(key)) continue;
    if (seen.has(key.value)) found.push({ key: String(key.value), place: placeOf(key) });
    seen.add(key.value);
  }
  return found;
}
