/**
 * Starts a keeper in the place of one that died (docs/keeper-protocol.md, "When the keeper dies"):
 * with the listening socket, and a table of the descriptors that the controller holds.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { HeldService } from './keeper-descriptors.ts';
import type { KeeperCommand } from './keeper-event.ts';

export interface KeeperReplacement {
  readonly command: KeeperCommand;
  readonly services: readonly HeldService[];
  /** Controllers started so far. */
  readonly controllerStarts: number;
  readonly listenFd: number | undefined;
}

/** Descriptors of the new process by number; 0 to 2 are /dev/null. */
const TABLE_FD = 3;
const READY_FD = 4;
const FIRST_FD = 5;

/** The table with the descriptors that it names, in the order of their numbers from `firstFd`. */
export function renderHandover(
  { command, services, controllerStarts }: Omit<KeeperReplacement, 'listenFd'>,
  firstFd: number,
): { readonly text: string; readonly fds: readonly number[] } {
  const fds: number[] = [];
  const attach = (fd: number) => firstFd + fds.push(fd) - 1;
  const lines = services.map(({ pid, startTicks, pidfd, kept }) => {
    const own = attach(pidfd);
    const more = kept.map(({ label, fd }) => ` ${attach(fd)}:${encodeURIComponent(label)}`);
    return `service ${pid} ${startTicks} 0 ${own}${more.join('')}`;
  });
  const head = [`files ${command.files.replace(':', ' ')}`, `starts ${controllerStarts}`];
  return { text: [...head, ...lines, 'end', ''].join('\n'), fds };
}

/** A file without a name that holds the text. */
function openTable(text: string, path: string): number {
  rmSync(path, { force: true });
  const fd = openSync(path, 'wx+', 0o600);
  rmSync(path);
  writeSync(fd, text);
  return fd;
}

/** Words of a keeper in the foreground, put into the background: its terminal may be gone. */
function backgroundWords(words: readonly string[]): string[] {
  return words.filter((word) => word !== '-n' && word !== '--nodaemon');
}

function journalOf(words: readonly string[]): string {
  const path = words[words.indexOf('--journal') + 1];
  if (path === undefined) throw new Error('the keeper has no journal');
  return path;
}

function spawnKeeper(replacement: KeeperReplacement): ChildProcess {
  const { command, listenFd } = replacement;
  const listen = listenFd === undefined ? [] : [listenFd];
  const { text, fds } = renderHandover(replacement, FIRST_FD + listen.length);
  const table = openTable(text, `${journalOf(command.words)}.handover`);
  const words = [
    ...['--handover', String(TABLE_FD), '--ready-fd', String(READY_FD)],
    ...(listenFd === undefined ? [] : ['--listen-fd', String(FIRST_FD)]),
    ...backgroundWords(command.words),
  ];
  try {
    return spawn(command.program, words, {
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', table, 'pipe', ...listen, ...fds],
    });
  } finally {
    closeSync(table);
  }
}

/**
 * Starts the keeper, and resolves when a controller of it is ready (true) or it has ended before
 * (false). The descriptors stay open here.
 */
export function replaceKeeper(replacement: KeeperReplacement): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawnKeeper(replacement);
    // There is none when no pipe could be made; an error follows then.
    const ready = child.stdio?.[READY_FD] as Readable | undefined;
    ready?.on('data', () => resolve(true));
    ready?.on('error', () => {});
    child.on('error', () => resolve(false));
    child.on('exit', () => resolve(false));
  });
}
