/** Whether every line that a talking service wrote is in its log (`test/fixtures/load-service.c`). Pure. */

export interface LogAccount {
  readonly lines: number;
  readonly lives: number;
  /** Rotations into which lines fell, which happens where blocks cannot be taken out (ADR 2). */
  readonly cuts: number;
  readonly problems: readonly string[];
}

/**
 * @param backup what was rotated away, '' when nothing was
 * @param pid of the service that runs now; undefined when none does
 */
export function accountLog(backup: string, current: string, pid: number | undefined): LogAccount {
  const all = backup + current;
  const problems: string[] = [];
  let at = 0;
  let [lines, lives, cuts] = [0, 0, 0];
  let life: { pid: string; last: number; hasEnded: boolean } | undefined;
  for (const line of all.split('\n').slice(0, -1)) {
    const isFirst = at === 0;
    const isCut = at <= backup.length && at + line.length + 1 >= backup.length && backup !== '';
    at += line.length + 1;
    const [, owner = '', word = '', end] = /^(\d+) (start|end|\d+)(?: (\d+))?$/.exec(line) ?? [];
    if (owner === '') {
      // A rotated log may begin within a line.
      if (!isFirst || backup === '') problems.push(`not a line: ${JSON.stringify(line)}`);
      continue;
    }
    lines += 1;
    if (word === 'start') {
      life = { pid: owner, last: 0, hasEnded: false };
      lives += 1;
      continue;
    }
    const number = word === 'end' ? Number(end) + 1 : Number(word);
    const isNext = life?.pid === owner && !life.hasEnded && number === life.last + 1;
    if (!isNext && isCut) cuts += 1;
    else if (!isNext && life !== undefined) {
      problems.push(`${line} after ${life.pid} ${life.last}${life.hasEnded ? ' and its end' : ''}`);
    }
    life = { pid: owner, last: number, hasEnded: word === 'end' };
  }
  if (pid !== undefined && life?.pid !== String(pid)) {
    problems.push(`the lines of ${pid} are missing, the last are of ${life?.pid}`);
  }
  return { lines, lives, cuts, problems };
}
