/** Random contents of a store of either version, as rows of its tables. */
import fc from 'fast-check';
import type { ProxyTable, SchemaVersion } from '../../src/proxy/schema.ts';
import type { Row } from '../../src/proxy/transfer/content.ts';

export interface GeneratedContent {
  readonly version: SchemaVersion;
  readonly rows: ReadonlyArray<readonly [ProxyTable, Row]>;
}

/** Anything that both databases hold: neither NUL nor half of a surrogate pair. */
const text = fc
  .string({ unit: 'binary', maxLength: 12 })
  .map((value) => value.replaceAll('\0', ' '));
const maybe = fc.option(text, { freq: 3 });
const key = fc.oneof(fc.constantFrom('a', 'b', 'A', 'ä', '', "it's"), text);
const time = fc.option(
  fc.oneof(
    fc.double({ noNaN: true }),
    fc.integer({ min: 0, max: 2 ** 51 }).map((micros) => micros / 1e6),
  ),
);

function rowsOf<T extends Row>(row: fc.Arbitrary<T>, ...keys: ReadonlyArray<readonly number[]>) {
  return fc.array(row, { maxLength: 8 }).map((rows) => {
    const isFirst = (candidate: T, index: number) => {
      return keys.every((columns) => {
        const name = (other: T) => JSON.stringify(columns.map((column) => other[column]));
        return rows.findIndex((other) => name(other) === name(candidate)) === index;
      });
    };
    return rows.filter(isFirst);
  });
}

const compare = (left: Row, right: Row) => Buffer.compare(bytes(left), bytes(right));
const bytes = (row: Row) => Buffer.from(`${row[0]}\0${row[1]}`);

const tables = fc.record({
  config: rowsOf(fc.tuple(key, maybe), [0]),
  software: rowsOf(fc.tuple(key, key, maybe), [0, 1]),
  computer: rowsOf(fc.tuple(key, maybe, maybe), [0]),
  partition: rowsOf(
    fc.tuple(key, key, maybe, maybe, maybe, maybe, maybe, maybe, key, key, text, time, text),
    [0, 1],
    [8, 9],
  ),
  slave: rowsOf(fc.tuple(key, key, maybe, maybe, text), [0, 1]),
  partition_network: rowsOf(fc.tuple(maybe, maybe, maybe, maybe, maybe)),
  // The dump has them in the order of their insertion, which they do not keep.
  forwarded_partition_request: rowsOf(fc.tuple(key, key), [0, 1]).map((rows) => {
    return rows.toSorted(compare);
  }),
});

export const generatedContents: fc.Arbitrary<GeneratedContent> = fc
  .tuple(fc.constantFrom<SchemaVersion[]>(17, 18), tables)
  .map(([version, all]) => {
    const rows = Object.entries(all).flatMap(([table, list]) => {
      const width = table === 'partition' && version === 17 ? 12 : undefined;
      return list.map((row) => [table, row.slice(0, width)] as [ProxyTable, Row]);
    });
    return { version, rows };
  });
