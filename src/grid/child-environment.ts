/** The environment of every child process of the node (spec/grid.md 4). */

const DROPPED = new Set([
  ...['PYTHONHOME', 'PYTHONPATH', 'PYTHONSTARTUP', 'PYTHONY2K', 'PYTHONOPTIMIZE', 'PYTHONDEBUG'],
  ...['PYTHONDONTWRITEBYTECODE', 'PYTHONINSPECT', 'PYTHONUNBUFFERED', 'PYTHONVERBOSE'],
  ...['CONFIG_SITE', 'ENV', 'LOGNAME', 'TEMP', 'TMP', 'TMPDIR', 'LANG', 'LANGUAGE'],
  ...['LC_ADDRESS', 'LC_COLLATE', 'LC_CTYPE', 'LC_IDENTIFICATION', 'LC_MEASUREMENT'],
  ...['LC_MESSAGES', 'LC_MONETARY', 'LC_NAME', 'LC_NUMERIC', 'LC_PAPER', 'LC_SOURCED'],
  ...['LC_TELEPHONE', 'LC_TIME'],
]);

export interface ChildEnvironmentFacts {
  readonly home: string;
  /** During `node instance` and `node promise`: read by the slap library inside buildout. */
  readonly instanceRoot?: string;
}

/**
 * A copy of our environment without what would change the behaviour of Python or name temporary
 * folders and languages of root.
 */
export function childEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  facts: ChildEnvironmentFacts,
): Readonly<Record<string, string>> {
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !DROPPED.has(entry[0]),
  );
  const result = new Map(kept);
  result.set('HOME', facts.home);
  result.set('PYTHONNOUSERSITE', 'true');
  if (facts.instanceRoot !== undefined) result.set('SLAPGRID_INSTANCE_ROOT', facts.instanceRoot);
  return Object.fromEntries(result);
}
