/** Processes of a run of ours that was killed: those who work for it know nothing of its end. */

import { loadNative, type NativeAddon } from '../native.ts';
import { decodeProcTable } from '../proc.ts';
import { readProcessText } from '../process/command-line.ts';
import { killProcesses, type ProcessIdentity } from '../process/process-tree.ts';
import type { UserIdentity } from '../user/user.ts';

/** What tells the commands of one release or partition from those of others. */
export interface CommandMark {
  readonly home: string;
  /** A word of argv that only they have, for commands with another HOME. */
  readonly word: string;
}

/**
 * Kills the processes of a user that bear a mark, and their descendants.
 * @returns how many bore it.
 */
export async function endProcessesOf(
  user: Pick<UserIdentity, 'uid'>,
  mark: CommandMark,
  addon: Pick<NativeAddon, 'procSample'> = loadNative(),
): Promise<number> {
  const table = decodeProcTable(await addon.procSample({ uids: [user.uid] }));
  const found: ProcessIdentity[] = [];
  for (let index = 0; index < table.length; index += 1) {
    const pid = table.u32(index, 'pid');
    if (pid === process.pid || !hasMark(pid, mark)) continue;
    found.push({ pid, startTicks: table.f64(index, 'startTicks') });
  }
  await killProcesses(found, addon);
  return found.length;
}

function hasMark(pid: number, { home, word }: CommandMark): boolean {
  return (
    readWords(pid, 'environ').includes(`HOME=${home}`) || readWords(pid, 'cmdline').includes(word)
  );
}

/** By proc_pid_environ(5) and proc_pid_cmdline(5); empty when the process has gone. */
function readWords(pid: number, name: 'cmdline' | 'environ'): readonly string[] {
  return readProcessText(pid, name)?.split('\0') ?? [];
}
