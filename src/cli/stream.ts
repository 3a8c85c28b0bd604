/** The standard streams of a command, so that tests can give others. */
import { fstatSync, writeSync } from 'node:fs';
import { errorCode, HostError } from '../errors/slapos-error.ts';

export interface TextStream {
  /**
   * Writes everything, or nothing more once the reader has gone.
   * @throws HostError SLAPOS_ERR_FILE when standard output cannot be written: a full disk.
   */
  write(text: string): void;
  isTerminal(): boolean;
  /** Width in characters, when it is a terminal. */
  terminalColumns(): number | undefined;
}

/** Major number of /dev/null and its like (null(4)). */
const MEMORY_DEVICES = 1;

const STDERR_FD = 2;

function unwritable(cause: unknown): HostError {
  const message = `Cannot write to standard output: ${errorCode(cause)}.`;
  return new HostError('SLAPOS_ERR_FILE', message, cause as { syscall?: string }, { cause });
}

/** Whether a descriptor is a terminal. Loading node:tty takes 2 ms: not for files and /dev/null. */
function isTerminal(fd: number): boolean {
  const status = fstatSync(fd);
  const isCandidate = status.isCharacterDevice() && status.rdev >> 8 !== MEMORY_DEVICES;
  return isCandidate && process.getBuiltinModule('node:tty').isatty(fd);
}

/** Waits a little for the reader of a full pipe without taking a core. */
function pauseMs(timeMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, timeMs);
}

/** Writes all bytes; a pipe that another process made non-blocking answers EAGAIN when full. */
function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if (errorCode(error) !== 'EAGAIN') throw error;
      pauseMs(1);
    }
  }
}

/**
 * A stream on a file descriptor. Writing is synchronous: what was written is out before the
 * process ends.
 * @param onClosed called once when the reader is gone (EPIPE)
 */
export function openStream(fd: number, onClosed: () => void): TextStream {
  let isClosed = false;
  return {
    write(text) {
      if (isClosed) return;
      try {
        writeAll(fd, Buffer.from(text));
      } catch (error) {
        isClosed = true;
        if (errorCode(error) === 'EPIPE') return onClosed();
        // Work goes on without its log, but not without the data that was asked for.
        if (fd !== STDERR_FD) throw unwritable(error);
      }
    },
    isTerminal: () => isTerminal(fd),
    terminalColumns: () => (fd === 1 ? process.stdout.columns : process.stderr.columns),
  };
}
