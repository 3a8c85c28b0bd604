/** Writing to the standard input of a running service. */
import { constants, fstatSync } from 'node:fs';
import { open } from 'node:fs/promises';

/**
 * Writes to the pipe that a process has as standard input, found through /proc/PID/fd/0 (proc(5)):
 * nobody needs to keep a descriptor per process.
 * @throws the system's error: ENXIO when fd 0 is no pipe, EAGAIN when it is full.
 */
export async function writeProcessInput(pid: number, text: string): Promise<void> {
  const handle = await open(`/proc/${pid}/fd/0`, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(handle.fd).isFIFO()) {
      throw Object.assign(new Error('standard input is not a pipe'), { code: 'ENXIO' });
    }
    await handle.writeFile(text);
  } finally {
    await handle.close();
  }
}
