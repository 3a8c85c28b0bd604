/** The last sample of every partition as JSON: a `NodeSample` of `daemon-client.ts`, in one line. */
import { COUNTER_FIELDS, type PartitionStates } from './partition-state.ts';
import { SERIES_FIELDS } from './series.ts';
import { TextBytes } from './text-bytes.ts';

/** What stands before each value but the first. */
const ROW_KEYS = SERIES_FIELDS.slice(1).map((field) => Buffer.from(`,"${field}":`));
const [FIRST_COUNTER, ...COUNTER_KEYS] = COUNTER_FIELDS.map((field, index) =>
  Buffer.from(`${index === 0 ? ',"counters":{' : ','}"${field}":`),
);
const PARTITION_END = Buffer.from('}}');

export class SampleJson {
  readonly #text = new TextBytes();
  readonly #heads: readonly Buffer[];

  /** @param names of the partitions */
  constructor(names: readonly string[]) {
    this.#heads = names.map((name, index) =>
      Buffer.from(
        `${index === 0 ? '' : ','}{"partition":${JSON.stringify(name)},"${SERIES_FIELDS[0]}":`,
      ),
    );
  }

  /** @param atMs milliseconds since the epoch */
  render(atMs: number, { rows, counters }: Pick<PartitionStates, 'rows' | 'counters'>): Buffer {
    const text = this.#text;
    text.clear();
    text.appendText(`{"atMs":${atMs},"partitions":[`);
    for (const [partition, head] of this.#heads.entries()) {
      text.append(head);
      this.#appendValues(rows, partition, ROW_KEYS);
      if (FIRST_COUNTER !== undefined) text.append(FIRST_COUNTER);
      this.#appendValues(counters, partition, COUNTER_KEYS);
      text.append(PARTITION_END);
    }
    text.appendText(']}');
    return text.toBytes();
  }

  /** A value, and each key with the next value behind it. */
  #appendValues(values: Float64Array, partition: number, keys: readonly Buffer[]): void {
    let at = partition * (keys.length + 1);
    this.#text.appendNumber(values[at] ?? 0);
    for (const key of keys) {
      at += 1;
      this.#text.append(key);
      this.#text.appendNumber(values[at] ?? 0);
    }
  }
}
