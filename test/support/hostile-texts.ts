/** What no line of a message may hold: a terminal obeys it, or shows text in another order. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
export const OBEYED = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

export const HOSTILE_TEXT = `\u001b]0;owned\u0007\u001b[2J\r\n\u202egnp.exe\u2066 ${'long '.repeat(2000)}`;
