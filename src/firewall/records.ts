/** What earlier passes made in the firewall, by file, where only root writes: no partition forges it. */
import type { GridContext } from '../grid/context.ts';

const FOLDER = 'var/firewall';

/** Where a record is, below the instance root. */
export function recordPath(name: string): string {
  return `${FOLDER}/${name}`;
}

/** @returns undefined when there is none. */
export async function readRecord(
  { host, options }: GridContext,
  name: string,
): Promise<string | undefined> {
  return host.openFolder(options.instanceRoot).readText(recordPath(name));
}

/** Writes a record that differs. */
export async function writeRecord(context: GridContext, name: string, text: string): Promise<void> {
  if ((await readRecord(context, name)) === text) return;
  const root = context.host.openFolder(context.options.instanceRoot);
  await root.makeFolder('var', { mode: 0o755 });
  await root.makeFolder(FOLDER, { mode: 0o700 });
  await root.write(recordPath(name), text, { mode: 0o600 });
}

export async function removeRecord({ host, options }: GridContext, name: string): Promise<void> {
  await host.openFolder(options.instanceRoot).remove(recordPath(name));
}
