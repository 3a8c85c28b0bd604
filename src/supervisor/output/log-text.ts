/** Parts of logs as text (spec/supervisor.md 4.4). */
import { readProgramLog } from '../../host/log/program-log.ts';
import { fault } from '../rpc/fault.ts';
import type { RpcValue } from '../rpc/xml-rpc.ts';

async function guarded<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch {
    throw fault('FAILED', path);
  }
}

/**
 * Reads `length` bytes from an offset, 0 for all of them; a negative offset with length 0 is the
 * end of the log.
 * @throws RpcFault BAD_ARGUMENTS, NO_FILE, FAILED
 */
export async function readLogText(path: string, offset: number, length: number): Promise<string> {
  if (length < 0 || (offset < 0 && length !== 0)) throw fault('BAD_ARGUMENTS');
  if (path === '') throw fault('NO_FILE');
  const part = await guarded(path, () => {
    return readProgramLog(path, (size) => {
      if (offset < 0) return { offset: Math.max(0, size + offset), length: -offset };
      return { offset, length: length === 0 ? size : length };
    });
  });
  if (part === undefined) throw fault('NO_FILE', path);
  return part.data.toString('utf8');
}

/**
 * The last `length` bytes, with the size of the log and whether there was more than offset+length.
 * A missing log is an empty one.
 */
export async function tailLogText(path: string, offset: number, length: number): Promise<RpcValue> {
  if (path === '') return ['', 0, false];
  const part = await guarded(path, () => {
    return readProgramLog(path, (size) => {
      const isOverflow = size > offset + length;
      if (!isOverflow && offset >= size) return { offset: 0, length: 0 };
      return { offset: Math.max(0, size - length), length };
    });
  });
  if (part === undefined) return ['', 0, false];
  const { data, sizeBytes } = part;
  return [data.toString('utf8'), sizeBytes, sizeBytes > offset + length];
}
