/** Consumption reports in XML: checked against their schemas, and put together (spec/grid.md 8). */
import { readXml } from '../slap/xml-events.ts';
import { escapeXmlText } from '../slap/xml-text.ts';

export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

/** What one movement says, in the order of the schema. */
export interface Movement {
  readonly fields: ReadonlyArray<readonly [name: string, text: string]>;
}

interface Rule {
  readonly name: string;
  readonly isOptional?: boolean;
  readonly isRepeatable?: boolean;
  readonly isNumber?: boolean;
  readonly children?: readonly Rule[];
  /** Names of mandatory attributes; no other is allowed. */
  readonly attributes?: readonly string[];
}

const optional = { isOptional: true };
const CATEGORIES: Rule = { name: 'category', isOptional: true, isRepeatable: true };
const MOVEMENTS: Rule = {
  name: 'movement',
  isRepeatable: true,
  children: [
    { name: 'resource' },
    { name: 'title', ...optional },
    { name: 'reference', ...optional },
    { name: 'quantity', isNumber: true },
    { name: 'price', isNumber: true },
    { name: 'VAT' },
    CATEGORIES,
  ],
};
const PARTITION_REPORT: Rule = { name: 'consumption', children: [MOVEMENTS] };
const COMPUTER_REPORT: Rule = {
  name: 'journal',
  children: [
    {
      name: 'transaction',
      isRepeatable: true,
      attributes: ['type'],
      children: [
        { name: 'title', ...optional },
        { name: 'start_date' },
        { name: 'stop_date' },
        { name: 'reference' },
        { name: 'currency' },
        { name: 'payment_mode' },
        CATEGORIES,
        {
          name: 'arrow',
          isRepeatable: true,
          attributes: ['type'],
          children: [
            { name: 'source', ...optional },
            { name: 'destination', ...optional },
          ],
        },
        MOVEMENTS,
      ],
    },
  ],
};

/** @returns the movements of a partition's report, or why it is none. */
export function parsePartitionReport(report: Uint8Array): readonly Movement[] | string {
  const root = parseDocument(report);
  if (typeof root === 'string') return root;
  return (
    findFault(root, PARTITION_REPORT) ??
    root.children.map((movement) => ({
      fields: movement.children.map((field) => [field.name, field.text] as const),
    }))
  );
}

/** @returns why a text is no report of a computer; undefined when it is one. */
export function findComputerReportFault(report: Uint8Array): string | undefined {
  const root = parseDocument(report);
  return typeof root === 'string' ? root : findFault(root, COMPUTER_REPORT);
}

/**
 * Reports of partitions as one report of the computer.
 * @param movements `<movement>` elements
 */
export function renderAggregate(computerId: string, stopDate: string, movements: string): string {
  return (
    '<?xml version="1.0"?><journal><transaction type="Sale Packing List">' +
    '<title>Resource consumptions</title><start_date></start_date>' +
    `<stop_date>${escapeXmlText(stopDate)}</stop_date>` +
    `<reference>${escapeXmlText(computerId)}</reference>` +
    '<currency></currency><payment_mode></payment_mode><category></category>' +
    '<arrow type="Administration"><source></source><destination></destination></arrow>' +
    `${movements}</transaction></journal>`
  );
}

/** A movement as XML; `reference` tells whose it is. */
export function renderMovement({ fields }: Movement, partitionId: string): string {
  const own = fields.filter(([name]) => name !== 'reference');
  const index = own.findIndex(([name]) => name === 'quantity');
  const all = [...own.slice(0, index), ['reference', partitionId] as const, ...own.slice(index)];
  const text = all.map(([name, value]) => `<${name}>${escapeXmlText(value)}</${name}>`).join('');
  return `<movement>${text}</movement>`;
}

interface OpenElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: XmlElement[];
  text: string;
}

/** @returns the root, or why the text is not XML. */
function parseDocument(document: Uint8Array): XmlElement | string {
  const open: OpenElement[] = [{ name: '', attributes: new Map(), children: [], text: '' }];
  try {
    readXml(document, 'the report', {
      // The schemas know no namespace: a prefixed name is another name.
      open: (_local, attributes, name) => open.push({ name, attributes, children: [], text: '' }),
      text: (part) => {
        const element = open.at(-1);
        if (element !== undefined) element.text += part;
      },
      close: () => {
        const element = open.pop();
        if (element !== undefined) open.at(-1)?.children.push(element);
      },
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return open[0]?.children[0] ?? 'it is empty';
}

function findFault(element: XmlElement, rule: Rule): string | undefined {
  if (element.name !== rule.name) return `<${element.name}> stands where <${rule.name}> belongs`;
  const wanted = rule.attributes ?? [];
  const names = [...element.attributes.keys()];
  const missing = wanted.find((name) => !element.attributes.has(name));
  if (missing !== undefined) return `<${rule.name}> has no attribute ${missing}`;
  const foreign = names.find((name) => !wanted.includes(name));
  if (foreign !== undefined) return `<${rule.name}> may not have attribute ${foreign}`;
  return rule.children === undefined
    ? findTextFault(element, rule)
    : findSequenceFault(element, rule.children);
}

function findTextFault(element: XmlElement, rule: Rule): string | undefined {
  if (element.children.length > 0) return `<${rule.name}> may only hold text`;
  if (!rule.isNumber) return undefined;
  const isNumber = /^\s*([+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|-?INF|NaN)\s*$/.test(element.text);
  return isNumber ? undefined : `<${rule.name}> holds no number: ${JSON.stringify(element.text)}`;
}

/** The children must come in the order of the rules. */
function findSequenceFault(element: XmlElement, rules: readonly Rule[]): string | undefined {
  if (element.text.trim() !== '') return `<${element.name}> may not hold text`;
  let position = 0;
  for (const rule of rules) {
    const start = position;
    while (element.children[position]?.name === rule.name) {
      const fault = findFault(element.children[position] as XmlElement, rule);
      if (fault !== undefined) return fault;
      position += 1;
      if (rule.isRepeatable !== true) break;
    }
    if (position === start && rule.isOptional !== true) {
      return `<${element.name}> has no <${rule.name}> where one belongs`;
    }
  }
  const surplus = element.children[position];
  return surplus === undefined
    ? undefined
    : `<${element.name}> may not hold <${surplus.name}> here`;
}
