/** Keeps secrets out of the logs: passwords in URLs, private keys, fields named like a secret. */

const HIDDEN = '[hidden]';
// From the beginning of a word only: others write these texts, and long ones must not cost long.
const URL_PASSWORD = /((?<![a-z0-9+.-])[a-z0-9+.-]+:\/+[^\s/:@'"]*:)[^\s/@'"]+@/gi;
/** With characters that should be encoded; no longer than that, for the same reason. */
const DATABASE_PASSWORD = /((?<![a-z0-9+.-])postgres[a-z0-9+.-]*:\/*[^\s/:@'"]*:)[^\s'"]{1,256}@/gi;
const PRIVATE_KEY = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?(?:-----END \1-----|$)/g;
const ASSIGNED_SECRET =
  /((?:^|[\s?&"'{,])[\w-]*(?:password|passwd|token|secret|authorization)["']?\s*[=:]\s*)(?:(?:Bearer|Basic)\s+)?(?!\s)["']?[^\s&"',}]+["']?/gi;
const SECRET_NAME = /pass(?:word|wd|phrase)|token|secret|private_?key$|authorization|cookie/i;

/** Replaces what looks like a secret in a text. */
export function redactText(text: string): string {
  return text
    .replace(PRIVATE_KEY, HIDDEN)
    .replace(DATABASE_PASSWORD, `$1${HIDDEN}@`)
    .replace(URL_PASSWORD, `$1${HIDDEN}@`)
    .replace(ASSIGNED_SECRET, `$1${HIDDEN}`);
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null || depth > 4) return value;
  if (value instanceof Error) return redactText(value.message);
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      SECRET_NAME.test(name) ? HIDDEN : redactValue(item, depth + 1),
    ]),
  );
}

/** The fields of a structured record without secrets. */
export function redactFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return redactValue(fields, 0) as Record<string, unknown>;
}
