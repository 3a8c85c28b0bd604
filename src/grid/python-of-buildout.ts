/** Shebang lines: how a buildout script is started and which Python a software release uses. */

/**
 * The words of a script's shebang, to be put before its path: expanding it here avoids the kernel's
 * limit on the length of that line (execve(2)).
 * @returns an empty list when the text has none.
 */
export function shebangWords(script: string): readonly string[] {
  const first = script.split('\n', 1)[0] ?? '';
  if (!first.startsWith('#!')) return [];
  const match = /^#!\s*(\S+)(?:\s+(.*?))?\s*$/.exec(first);
  if (match === null) return [];
  // The kernel hands everything after the interpreter over as one argument.
  return [match[1], match[2]].filter((word): word is string => word !== undefined && word !== '');
}

/**
 * The Python of a software release, from its `bin/buildout`.
 * @returns undefined when there is no shebang.
 */
export function pythonOfBuildout(script: string): string | undefined {
  const [interpreter] = shebangWords(script);
  if (interpreter !== '/bin/sh') return interpreter;
  const words = splitQuoted(script.split('\n')[1] ?? '');
  return words[0] === 'exec' ? words[1] : interpreter;
}

/** Words of a line in which single and double quotes group. */
function splitQuoted(line: string): readonly string[] {
  const words = line.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) => word.replace(/["']/g, ''));
}
