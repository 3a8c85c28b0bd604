/** Parameters of `request`: KEY=VALUE words, and how a file is sent (spec/cli.md 6.2). */
import { UsageError } from '../../errors/slapos-error.ts';
import type { MarshalValue } from '../../slap/marshal-value.ts';
import { renderPythonJson } from '../../slap/python-json.ts';
import type { Serialisation } from '../../slap/software-schema.ts';

export type Parameters = Readonly<Record<string, MarshalValue>>;

/**
 * Words as a dictionary; each is split at its first `=`.
 * @throws UsageError SLAPOS_ERR_USAGE, exit 1, for a word without `=` or a key given twice.
 */
export function parsePairs(words: readonly string[], option: string): Record<string, string> {
  const found = new Map<string, string>();
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 0) throw wrong(`${option} takes KEY=VALUE, not '${word}'.`);
    const key = word.slice(0, at);
    if (found.has(key)) throw wrong(`Multiple values provided for the same key '${key}'`);
    found.set(key, word.slice(at + 1));
  }
  return Object.fromEntries(found);
}

/** What is sent: with json-in-xml one parameter `_` that holds everything as JSON. */
export function serialiseParameters(
  values: ReadonlyMap<string, MarshalValue>,
  serialisation: Serialisation,
): Parameters {
  const isSerialised = values.size === 1 && values.has('_');
  if (serialisation === 'xml' || isSerialised) return Object.fromEntries(values);
  return { _: renderPythonJson(values) };
}

function wrong(message: string): UsageError {
  return new UsageError('SLAPOS_ERR_USAGE', message, { exitCode: 1 });
}
