/** The unix socket at which a daemon of root answers other programs of root (unix(7)). */
import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createBeneathFiles } from '../file.ts';
import { openSharedSocket, removeSharedSocket } from './shared-socket.ts';

export interface DaemonSocket {
  /** It listens already. Belongs to whoever serves it. */
  readonly fd: number;
  /** Takes its name away. */
  remove(): void;
}

const MODE = 0o600;
const FOLDER_MODE = 0o700;
const BACKLOG = 128;

/**
 * Listens at a path beneath `root`, whose last folder is made when it is missing. The socket of a
 * daemon that was killed is replaced: the caller must know that no other one lives. No link is
 * followed below `root`.
 * @throws HostError, or the system's error: EADDRINUSE when something else than a socket stands
 *   there, EPERM in a folder that others can change, ENAMETOOLONG beyond 107 bytes.
 */
export async function openDaemonSocket(root: string, path: string): Promise<DaemonSocket> {
  const realRoot = await realpath(root);
  const files = createBeneathFiles();
  if ((await files.stat(realRoot, dirname(path)))?.kind !== 'directory') {
    await files.mkdir(realRoot, dirname(path), { mode: FOLDER_MODE });
  }
  const address = { kind: 'unix', path: join(realRoot, path), mode: MODE } as const;
  const fd = openSharedSocket(address, BACKLOG);
  return { fd, remove: () => removeSharedSocket(address) };
}
