/** Files in which a partition asks a manager for something: bounded, and never trusted. */
import { errorMessage } from '../errors/slapos-error.ts';
import type { WriteOptions } from '../host/host.ts';
import type { ManagedPartition } from './context.ts';

/** A thousand entries fit many times. */
const MAX_BYTES = 256 * 1024;

export type PartitionText =
  | { readonly kind: 'missing' }
  /** It was told why. */
  | { readonly kind: 'bad' }
  | { readonly kind: 'found'; readonly text: string };

/** A file of a partition; links, second names, other kinds of files and long ones are refused with a warning. */
export async function readPartitionText(
  { folder, id, log }: ManagedPartition,
  path: string,
): Promise<PartitionText> {
  try {
    const bytes = await folder.readSole(path, MAX_BYTES);
    return bytes === undefined ? { kind: 'missing' } : { kind: 'found', text: bytes.toString() };
  } catch (error) {
    log.warning(`${path} of ${id} is ignored: ${errorMessage(error)}`);
    return { kind: 'bad' };
  }
}

/** Writes a file that is ours to write, also when a folder of the partition stands in its place. */
export async function writePartitionText(
  { folder }: ManagedPartition,
  path: string,
  text: string,
  options: WriteOptions,
): Promise<void> {
  try {
    await folder.write(path, text, options);
  } catch {
    await folder.remove(path);
    await folder.write(path, text, options);
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
  } catch {
    return refuse('it is no JSON.');
  }
}
