/** Which values are not for eyes behind the operator's shoulder. Pure. */
const SECRET_NAME =
  /pass(wd|word|phrase)?\b|passwd|password|secret|token|credential|private|(^|[-_. ])(key|pwd|auth)($|[-_. ])|api-?_?key/i;
/** `https://user:password@host`, and what only the key's owner has. */
const SECRET_TEXT = /:\/\/[^/\s:@]*:[^/\s@]+@|-----BEGIN [A-Z ]*PRIVATE KEY-----/;

export function looksSecret(name: string, value: unknown): boolean {
  if (SECRET_NAME.test(name)) return true;
  if (typeof value === 'string') return SECRET_TEXT.test(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, inner]) => looksSecret(key, inner));
}
