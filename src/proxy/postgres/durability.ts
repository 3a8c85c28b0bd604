/** Whether what the server acknowledges is on its disk (PostgreSQL manual 20.5.1). */
import type { RunStatement } from './postgres-schema.ts';

/** Settings that, being off, break that for this session; empty on a server as it comes. */
export async function listUndurable(run: RunStatement): Promise<string[]> {
  const [row] = await run(
    `SELECT current_setting('fsync') AS fsync,
      current_setting('synchronous_commit') AS synchronous_commit`,
  );
  return Object.entries(row ?? {}).flatMap(([name, value]) => (value === 'off' ? [name] : []));
}
