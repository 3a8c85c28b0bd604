/** What a typed line means; the words are split as Python's `cmd` does. Pure. */

export interface TypedLine {
  /** Leading letters, digits and underscores; '' when there are none. */
  readonly name: string;
  readonly args: readonly string[];
  /** The line without blanks around it, for messages. */
  readonly text: string;
}

/** Undefined for a blank line. `? x` stands for `help x`. */
export function parseTypedLine(typed: string): TypedLine | undefined {
  const trimmed = typed.trim();
  if (trimmed === '') return undefined;
  const text = trimmed.startsWith('?') ? `help ${trimmed.slice(1)}` : trimmed;
  const name = /^\w*/.exec(text)?.[0] ?? '';
  const args = text
    .slice(name.length)
    .split(/\s+/)
    .filter((word) => word !== '');
  return { name, args, text };
}
