/** Texts of others in our messages: one short line that no terminal obeys. Pure. */
const MAX_LENGTH = 300;

/** One short line without controls and marks of direction; nothing of what is no text. */
export function boundedText(value: unknown): string {
  if (typeof value !== 'string') return '';
  // Of what is cut anyway, only the beginning is looked at.
  const start = value.slice(0, MAX_LENGTH * 10);
  const plain = start.replace(/[\p{Cc}\p{Cf}\p{Cs}\s]+/gu, ' ').trim();
  const isCut = plain.length > MAX_LENGTH || start.length < value.length;
  return isCut ? `${plain.slice(0, MAX_LENGTH)}…` : plain;
}

/** An address without user and password. */
export function describeUrl({ origin, pathname, search }: URL): string {
  return boundedText(`${origin}${pathname}${search}`);
}
