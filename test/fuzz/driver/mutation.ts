/** What a change of an input has at hand. */
import type { Random } from './random.ts';

export interface Mutation {
  readonly random: Random;
  readonly words: readonly string[];
  readonly maxBytes: number;
  /** Another input, to take parts of. */
  other(): Uint8Array;
}

/** Texts that decoders tend to get wrong. */
export const ODD_TEXTS: readonly string[] = [
  ...[
    '',
    ' ',
    '\t',
    '\r\n',
    '\n\n',
    '\0',
    '\x1b[2J',
    '\x7f',
    '\u0085',
    '\u00a0',
    '\u2028',
    '\u202e',
    '\ufeff',
  ],
  ...[
    '\ud83d\ude00',
    'é',
    'e\u0301',
    '١',
    'ſ',
    'İ',
    '\ufffe',
    '\u{10ffff}',
    '%',
    '%%',
    '%(x)s',
    '$',
    '{x}',
    '\\',
  ],
  ...[
    '0',
    '-0',
    '-1',
    '1e309',
    '1e-7',
    '9007199254740993',
    '18446744073709551616',
    '4294967295',
    '2147483648',
  ],
  ...[
    '00',
    '0x10',
    '1_000',
    '+1',
    '1.',
    '.5',
    'NaN',
    'nan',
    'Infinity',
    'inf',
    'null',
    'None',
    'True',
    'true',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'length',
    'hasOwnProperty',
    'then',
    '..',
    '../',
    '/',
    '//',
    ':',
    '::',
  ],
];
