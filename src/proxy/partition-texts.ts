/**
 * The marshalled texts of partitions, kept as long as their rows say the same: after a change only
 * the partitions that changed are rendered again.
 */
import { encodeMarshalPart } from '../slap/marshal.ts';
import { MarshalFragment, type MarshalValue } from '../slap/marshal-value.ts';
import { SizedCache } from './sized-cache.ts';
import type { AddressRow, PartitionRow } from './store.ts';

/** An id is in a tag: `<` of a text is always escaped. */
const ID = /(<(?:dictionary|list|object|reference) id="i)(\d+)/g;
/** Some ten thousand partitions of usual size. */
const MAX_BYTES = 64 * 1024 * 1024;

interface KnownText {
  readonly row: PartitionRow;
  readonly addresses: readonly AddressRow[];
  readonly text: RelocatableText;
}

/** A marshalled value whose ids can start anywhere. */
interface RelocatableText {
  /** Texts between the ids. */
  readonly pieces: readonly string[];
  /** Ids counted from the first one, as they stand between the pieces. */
  readonly ids: readonly number[];
  readonly idCount: number;
}

export type RenderPartition = (row: PartitionRow, addresses: readonly AddressRow[]) => MarshalValue;

export class PartitionTexts {
  readonly #known: SizedCache<KnownText>;
  readonly #render: RenderPartition;

  constructor(render: RenderPartition, maxBytes = MAX_BYTES) {
    this.#known = new SizedCache(maxBytes);
    this.#render = render;
  }

  /** Stands for the partition in a document without indentation. */
  fragment(row: PartitionRow, addresses: readonly AddressRow[]): MarshalFragment {
    const { pieces, ids, idCount } = this.#text(row, addresses);
    return new MarshalFragment(({ lastId }) => {
      let text = pieces[0] ?? '';
      for (const [index, id] of ids.entries()) text += lastId + id + (pieces[index + 1] ?? '');
      return { text, lastId: lastId + idCount };
    });
  }

  #text(row: PartitionRow, addresses: readonly AddressRow[]): RelocatableText {
    const key = `${row.computerReference}\0${row.reference}`;
    const known = this.#known.get(key);
    if (known !== undefined && isSame(known, row, addresses)) return known.text;
    const text = makeRelocatable(this.#render(row, addresses));
    this.#known.set(key, { row, addresses, text }, sizeOf(text, row));
    return text;
  }
}

/** The text, and what of the row it was made of. */
function sizeOf({ pieces, ids }: RelocatableText, row: PartitionRow): number {
  const texts = [...pieces, row.xml, row.connectionXml, row.slaveInstanceList];
  const length = texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);
  return 1000 + length + 16 * ids.length;
}

function isSame(known: KnownText, row: PartitionRow, addresses: readonly AddressRow[]): boolean {
  if (known.addresses.length !== addresses.length) return false;
  return (
    hasSameValues(known.row, row) &&
    known.addresses.every((address, index) => {
      const other = addresses[index];
      return other !== undefined && hasSameValues(address, other);
    })
  );
}

function hasSameValues<T extends object>(left: T, right: T): boolean {
  for (const name in left) if (left[name] !== right[name]) return false;
  return true;
}

function makeRelocatable(value: MarshalValue): RelocatableText {
  const text = encodeMarshalPart(value, { isIndented: false, indent: '', lastId: 0 });
  const pieces: string[] = [];
  const ids: number[] = [];
  let start = 0;
  for (const { 0: match, 1: head = '', 2: id, index } of text.matchAll(ID)) {
    pieces.push(text.slice(start, index + head.length));
    ids.push(Number(id));
    start = index + match.length;
  }
  return { pieces: [...pieces, text.slice(start)], ids, idCount: Math.max(0, ...ids) };
}
