/**
 * Counters in source text: one for each function, branch, loop body, `case` and right side of a
 * logical operator, and the words (string literals, names of properties) that each part of the
 * program compares with. Far cheaper than V8's own coverage, whose report of one run takes longer
 * than the run.
 */
import { parseSync } from 'oxc-parser';

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

interface Insertion {
  readonly at: number;
  readonly text: string;
  readonly isOpening: boolean;
}

const LOOPS = new Set([
  'ForStatement',
  'ForInStatement',
  'ForOfStatement',
  'WhileStatement',
  'DoWhileStatement',
]);
const WORD = /^[\x20-\x7e\n\t]{1,40}$/;

/** The banner that a program of instrumented sources needs. */
export const COVERAGE_BANNER = [
  'globalThis.slaposFuzz={counters:new Uint8Array(1<<18),used:0,files:[],words:[],',
  'open(count,words){const at=this.used;this.used+=count;this.files.push([at,count]);',
  'for(const[index,list]of words)this.words[at+index]=list;',
  'return this.counters.subarray(at,at+count)}};',
].join('');

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}

class Instrumenter {
  readonly insertions: Insertion[] = [];
  /** Words by counter; those outside of functions belong to counter 0, the file. */
  readonly words = new Map<number, Set<string>>([[0, new Set()]]);
  count = 1;

  visit(node: Node, around: number): void {
    if (node.type === 'ImportDeclaration' || node.type.startsWith('TSType')) return;
    this.#note(node, around);
    const inside = node.type === 'BlockStatement' ? this.#statement(node.start + 1) : around;
    for (const [key, value] of Object.entries(node)) {
      for (const child of Array.isArray(value) ? value : [value]) {
        if (isNode(child)) this.#visitChild(node, key, child, inside);
      }
    }
    if (node.type === 'SwitchCase') {
      const first = (node['consequent'] as Node[])[0];
      if (first !== undefined) this.#statement(first.start);
    }
  }

  #visitChild(parent: Node, key: string, child: Node, around: number): void {
    const isBlock = child.type === 'BlockStatement';
    const isBranch =
      parent.type === 'IfStatement' ? key !== 'test' : LOOPS.has(parent.type) && key === 'body';
    const isValue =
      (parent.type === 'ConditionalExpression' && key !== 'test') ||
      (parent.type === 'LogicalExpression' && key === 'right') ||
      (parent.type === 'ArrowFunctionExpression' && key === 'body');
    if (isBranch && !isBlock) this.#wrap(child, (mark) => `{${mark};`, '}');
    else if (isValue && !isBlock) this.#wrap(child, (mark) => `(${mark},`, ')');
    else this.visit(child, around);
  }

  #wrap(child: Node, before: (mark: string) => string, after: string): void {
    const index = this.#next();
    const text = before(`slaposEdge[${index}]++`);
    this.insertions.push({ at: child.start, text, isOpening: true });
    this.visit(child, index);
    this.insertions.push({ at: child.end, text: after, isOpening: false });
  }

  #statement(at: number): number {
    const index = this.#next();
    this.insertions.push({ at, text: `slaposEdge[${index}]++;`, isOpening: true });
    return index;
  }

  #next(): number {
    this.words.set(this.count, new Set());
    return this.count++;
  }

  #note(node: Node, around: number): void {
    const word =
      node.type === 'Literal'
        ? node['value']
        : node.type === 'Property' || node.type === 'MemberExpression'
          ? ((node['key'] ?? node['property']) as Node)['name']
          : node.type === 'TemplateElement'
            ? (node['value'] as { cooked?: string }).cooked
            : undefined;
    if (typeof word === 'string' && WORD.test(word)) this.words.get(around)?.add(word);
  }
}

/** The same program, counting. @throws Error for what is no TypeScript or JavaScript */
export function instrument(path: string, text: string): string {
  const { errors, program } = parseSync(path, text);
  const [error] = errors;
  if (error !== undefined) throw new Error(`${path}: ${error.message}`);
  const work = new Instrumenter();
  work.visit(program as unknown as Node, 0);
  // At one place what ends comes before what begins.
  const sorted = work.insertions
    .map((insertion, order) => ({ ...insertion, order }))
    .sort((a, b) => a.at - b.at || Number(a.isOpening) - Number(b.isOpening) || a.order - b.order);
  let written = '';
  let from = 0;
  for (const { at, text: mark } of sorted) {
    written += text.slice(from, at) + mark;
    from = at;
  }
  const words = [...work.words].flatMap(([index, list]) =>
    list.size > 0 ? [[index, [...list]]] : [],
  );
  const head = `const slaposEdge=globalThis.slaposFuzz.open(${work.count},${JSON.stringify(words)});`;
  return `${head}${written}${text.slice(from)}`;
}
