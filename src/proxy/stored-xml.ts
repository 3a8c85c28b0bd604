/** Instance XML of the database, read once per text: most of it is the same at each request. */
import { decodeInstanceXml } from '../slap/instance-xml.ts';

/** Two documents for each of two thousand partitions. */
const MAX_TEXTS = 4096;
const known = new Map<string, Readonly<Record<string, string | null>>>();

/** The parameters of a stored document, as an object that belongs to the caller. */
export function readStoredXml(text: string | null): Record<string, string | null> {
  if (text === null) return {};
  const found = known.get(text);
  if (found !== undefined) return { ...found };
  const parameters = decodeInstanceXml(text);
  if (known.size >= MAX_TEXTS) known.clear();
  known.set(text, parameters);
  return { ...parameters };
}
