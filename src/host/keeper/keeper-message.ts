/**
 * Messages between keeper and controller; `docs/keeper-protocol.md` has the ladder. A message is a
 * verb and `key=value` fields, each word ended by a NUL.
 */
import { SlaposError } from '../../errors/slapos-error.ts';

/** A verb with its fields in order; a key may stand several times. */
export interface KeeperMessage {
  readonly verb: string;
  readonly fields: ReadonlyArray<readonly [key: string, value: string]>;
}

/**
 * Renders a message.
 * @throws SlaposError SLAPOS_ERR_SUPERVISOR when a word holds a NUL.
 */
export function encodeKeeperMessage(message: KeeperMessage): Buffer {
  const words = [message.verb, ...message.fields.map(([key, value]) => `${key}=${value}`)];
  if (words.some((word) => word.includes('\0'))) {
    const text = `A message to the keeper (${message.verb}) would hold a NUL.`;
    throw new SlaposError('SLAPOS_ERR_SUPERVISOR', text);
  }
  return Buffer.from(`${words.join('\0')}\0`);
}

/** Reads a message; words without `=` after the verb are ignored. */
export function decodeKeeperMessage(data: Uint8Array): KeeperMessage {
  const [verb = '', ...words] = Buffer.from(data).toString('utf8').split('\0');
  const fields: Array<[string, string]> = [];
  for (const word of words) {
    const equals = word.indexOf('=');
    if (equals > 0) fields.push([word.slice(0, equals), word.slice(equals + 1)]);
  }
  return { verb, fields };
}

/** Looks fields up by key. */
export class KeeperFields {
  readonly #fields: KeeperMessage['fields'];

  constructor(message: KeeperMessage) {
    this.#fields = message.fields;
  }

  /** The first value of a key, or the empty string. */
  text(key: string): string {
    return this.#fields.find(([each]) => each === key)?.[1] ?? '';
  }

  /** The first value as a number, or 0. */
  number(key: string): number {
    const value = Number(this.text(key));
    return Number.isFinite(value) ? value : 0;
  }

  /** True for `key=1`. */
  flag(key: string): boolean {
    return this.text(key) === '1';
  }

  /** Every value of a key. */
  list(key: string): string[] {
    return this.#fields.filter(([each]) => each === key).map(([, value]) => value);
  }
}
