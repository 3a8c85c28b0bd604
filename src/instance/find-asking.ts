import type { GridContext } from '../grid/context.ts';

const GROUPS = 'etc/supervisord.conf.d';

/**
 * Partitions that managers have something to do for: a file by which they ask is there, or a group of
 * services that a manager made. Found by one look at all of them.
 */
export async function findAsking(
  { host, managers, options }: GridContext,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  if (managers.length === 0) return new Set();
  const paths = managers.flatMap(({ asksBy }) => asksBy);
  const suffixes = managers.flatMap(({ groupSuffix }) => groupSuffix ?? []);
  const { folders, targets } = await host.look(options.instanceRoot, {
    targets: ids.flatMap((id) => paths.map((path) => `${id}/${path}`)),
    folders: [GROUPS],
  });
  const groups = folders[0] ?? [];
  const hasGroup = (id: string) =>
    groups === 'refused' || suffixes.some((suffix) => groups.includes(`${id}-${suffix}.conf`));
  return new Set(
    ids.filter((id, index) => {
      const start = index * paths.length;
      const isAsking = targets
        .slice(start, start + paths.length)
        .some((seen) => seen !== undefined);
      return isAsking || hasGroup(id);
    }),
  );
}
