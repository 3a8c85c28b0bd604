/** JSON in the spelling of Python's json.dumps, which consumers of promise files have always seen. */

/** A string, with everything outside printable ASCII escaped. */
export function pythonJsonString(text: string): string {
  const escapeCharacter = (character: string) =>
    `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, escapeCharacter);
}

/** An object from already rendered values, in the given order. */
export function pythonJsonObject(entries: ReadonlyArray<readonly [string, string]>): string {
  return `{${entries.map(([key, value]) => `${pythonJsonString(key)}: ${value}`).join(', ')}}`;
}
