/** Assignments of os-release(5) by name, quotes taken off; what a shell would not take is left out. */
export function parseOsRelease(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\s*([A-Z0-9_]+)=(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S*))\s*$/.exec(line);
    if (match === null) continue;
    const quoted = match[2]?.replace(/\\(.)/g, '$1');
    values.set(match[1] as string, quoted ?? match[3] ?? match[4] ?? '');
  }
  return values;
}
