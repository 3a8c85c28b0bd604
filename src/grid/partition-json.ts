/** Files in which a partition asks a manager for something: bounded, and never trusted. */
import { errorMessage } from '../errors/slapos-error.ts';
import type { ManagedPartition } from './manager.ts';

/** A thousand entries fit many times. */
const MAX_BYTES = 256 * 1024;

export type PartitionText =
  | { readonly kind: 'missing' }
  /** It was told why. */
  | { readonly kind: 'bad' }
  | { readonly kind: 'found'; readonly text: string };

/** A file of a partition; links, other kinds of files and long ones are refused with a warning. */
export async function readPartitionText(
  { folder, id, log }: ManagedPartition,
  path: string,
  maxBytes = MAX_BYTES,
): Promise<PartitionText> {
  const refuse = (why: string) => {
    log.warning(`${path} of ${id} is ignored: ${why}`);
    return { kind: 'bad' as const };
  };
  try {
    const status = await folder.stat(path);
    if (status === undefined) return { kind: 'missing' };
    if (status.sizeBytes > maxBytes) return refuse(`it has more than ${maxBytes} bytes.`);
    const text = await folder.readText(path);
    return text === undefined ? { kind: 'missing' } : { kind: 'found', text };
  } catch (error) {
    return refuse(errorMessage(error));
  }
}

/** The entries of a JSON list; undefined when the file is bad, which was told. */
export async function readPartitionList(
  partition: ManagedPartition,
  path: string,
): Promise<readonly unknown[] | 'missing' | undefined> {
  const found = await readPartitionText(partition, path);
  if (found.kind === 'found') return parsePartitionList(partition, path, found.text);
  return found.kind === 'missing' ? 'missing' : undefined;
}

/** The entries of a JSON list; undefined when the text is none, which is told. */
export function parsePartitionList(
  { id, log }: ManagedPartition,
  path: string,
  text: string,
): readonly unknown[] | undefined {
  const refuse = (why: string) => {
    log.warning(`${path} of ${id} is ignored: ${why}`);
    return undefined;
  };
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : refuse('it is no list.');
  } catch (error) {
    return refuse(errorMessage(error));
  }
}
