/** Instance XML of the database, read once per text: most of it is the same at each request. */
import { decodeInstanceXml } from '../slap/instance-xml.ts';
import { SizedCache } from './sized-cache.ts';

const MAX_BYTES = 16 * 1024 * 1024;
const known = new SizedCache<Readonly<Record<string, string | null>>>(MAX_BYTES);

/** The parameters of a stored document, as an object that belongs to the caller. */
export function readStoredXml(text: string | null): Record<string, string | null> {
  if (text === null) return {};
  const found = known.get(text);
  if (found !== undefined) return { ...found };
  const parameters = decodeInstanceXml(text);
  // The text, and its parts again.
  known.set(text, parameters, 500 + 2 * text.length);
  return { ...parameters };
}
