/** Faults that last: a disk that fills or turns read-only in the middle of a run, killed helpers. */
import type { CallPoint, Fault } from './fault-tracer.ts';

const ADDING =
  'write|pwrite64|writev|pwritev|ftruncate|fallocate|mkdir|mkdirat|symlink|symlinkat|link|linkat';
const CHANGING = `${ADDING}|rename|renameat|renameat2|unlink|unlinkat|rmdir|chmod|fchmod|fchmodat|chown|fchown|fchownat|lchown|utimensat|fsync`;
/** Where every scene has what it works on. */
const DISK = '/srv/*';
/** Of buildouts, scripts and promises. */
const HELPERS = ['/dash', '/bash'];
const KILLED_AT = 12;

const LASTING = [
  { name: 'full', call: ADDING, action: 'ENOSPC' },
  { name: 'read-only', call: CHANGING, action: 'EROFS' },
] as const;

/** From each change of a run on, every further one fails; and each helper is killed here and there. */
export function listLasting(calls: readonly CallPoint[]): Fault[] {
  const lasting = LASTING.flatMap(({ call, action }) => {
    const names = new Set(call.split('|'));
    const changes = calls.filter(
      (point) => names.has(point.call) && point.target.startsWith(DISK.slice(0, -1)),
    );
    return changes.map((_, index) => ({
      call,
      target: DISK,
      occurrence: `@${index + 1}+`,
      action,
    }));
  });
  const killed = Array.from({ length: KILLED_AT }, (_, index) => ({
    call: '*',
    target: '*',
    occurrence: `@${index * 3 + 1}`,
    action: 'kill',
    programs: HELPERS,
  }));
  return [...lasting, ...killed];
}
