/**
 * The folder between request and finished configuration: the only copy of a private key is kept in
 * it, and goes when that is where it belongs.
 */
import { join } from 'node:path';
import { errorMessage } from '../errors/slapos-error.ts';
import type { HostFiles } from '../host/host.ts';
import type { Logger } from '../log/logger.ts';

const LOCK = 'lock';

interface WorkPort {
  readonly files: HostFiles;
  readonly log: Logger;
}

/**
 * Writes a secret that is nowhere else, 0600. What fails for a moment is tried once more, since the
 * Master gives it once only.
 * @throws HostError SLAPOS_ERR_FILE
 */
export async function keepSecret(path: string, text: string, files: HostFiles): Promise<void> {
  const write = () => files.write(path, text, { mode: 0o600 });
  await write().catch(write);
}

/**
 * Removes the folder when all is done, the answer after what was made of it: as long as that is
 * there the next run knows that all is done. What is left without it is of no use to anybody.
 * @throws HostError SLAPOS_ERR_FILE while the answer is still there
 */
export async function clearWork(path: string, answer: string, port: WorkPort): Promise<void> {
  const { files } = port;
  const names = (await files.list(path)) ?? [];
  for (const name of names.filter((one) => one !== answer && one !== LOCK)) {
    await files.remove(join(path, name), { isRecursive: true });
  }
  try {
    await files.remove(path, { isRecursive: true });
  } catch (error) {
    if ((await files.stat(join(path, answer))) !== undefined) throw error;
    warn(path, error, port);
  }
}

/** Removes a folder in which nothing is that somebody needs. */
export async function discardWork(path: string, port: WorkPort): Promise<void> {
  await port.files
    .remove(path, { isRecursive: true })
    .catch((error: unknown) => warn(path, error, port));
}

function warn(path: string, error: unknown, { log }: WorkPort): void {
  log.warning(`${path} is of no use any more and stays: ${errorMessage(error)}`);
}
