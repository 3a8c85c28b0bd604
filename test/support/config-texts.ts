/** Random configuration files, from plain ones to hopeless ones. */
import fc from 'fast-check';

const NAMES = [
  'slapos',
  'slapformat',
  'a',
  'A',
  'DEFAULT',
  'b]c',
  'ünï',
  'multimaster/http://x/',
  ' s ',
];
const KEYS = [
  'key',
  'Key',
  'KEY',
  'other',
  'a b',
  'ß',
  'İ',
  'key-file',
  'x%y',
  '__proto__',
  '7',
  '"q"',
];
const PIECES = [
  'value',
  'a',
  '%%',
  '%',
  '%(key)s',
  '%(other)s',
  '%(KEY)s',
  '%(missing)s',
  '%(key)',
  '%()s',
  '%(a b)s',
  '=',
  ':',
  ' ',
  '  ',
  '\t',
  '#',
  ';',
  ' ; note',
  '[x]',
  '[',
  ']',
  'é',
  '日本',
  '\ufeff',
  '\u0085',
  '\u00a0',
  '\u2028',
  '\u2029',
  '\u200b',
  '\x1c',
  '\x1f',
  '\x0b',
  '\f',
  '\0',
  '\u{1f600}',
  '"',
  "'",
  '\\',
  '\\n',
  '%s',
  '%(key)d',
  'http://h/a%20b',
  '-----BEGIN CERTIFICATE-----',
];
const SPACES = ['', '', '', ' ', '  ', '\t', '    ', '\f', '\u00a0', '\x1d', '\ufeff'];
const ENDS = ['\n', '\n', '\n', '\n', '\r\n', '\r', '\n\n', '\n \n', ''];

const pick = (items: readonly string[]) => fc.constantFrom(...items);
const text = fc.array(pick(PIECES), { maxLength: 4 }).map((parts) => parts.join(''));
const plainText = fc.array(pick(['v', 'w x', '%%', '%(key)s', 'é', '1', '/p']), { maxLength: 3 });

const header = fc
  .tuple(pick(SPACES), pick(NAMES), pick(['', '', '', ' ', 'junk', ' # no']))
  .map(([space, name, tail]) => `${space}[${name}]${tail}`);
const option = fc
  .tuple(
    pick(SPACES),
    pick(KEYS),
    pick(SPACES),
    pick(['=', '=', ':', '', '==', ' = ', ': =']),
    text,
  )
  .map((parts) => parts.join(''));
const continuation = fc
  .tuple(pick(SPACES), pick([' ', '\t', '  ', '']), text)
  .map((p) => p.join(''));
const comment = fc
  .tuple(pick(SPACES), pick(['#', ';', '# key = v', ';[x]', '#%']), text)
  .map((p) => p.join(''));
const nastyLine = fc.oneof(
  { weight: 2, arbitrary: header },
  { weight: 5, arbitrary: option },
  { weight: 3, arbitrary: continuation },
  { weight: 2, arbitrary: comment },
  { weight: 1, arbitrary: pick(['', ' ', '\t', '\f', '[]', '[ ]', '=', ':', '= v', 'key', '%']) },
);

const nastyFile = fc
  .tuple(
    pick(['', '', '', '\ufeff', '\n', ' ', '# c\n']),
    fc.array(fc.tuple(nastyLine, pick(ENDS)), { maxLength: 10 }),
  )
  .map(([start, lines]) => start + lines.map((line) => line.join('')).join(''));

/** A file whose sections and keys are all different, so that it is usually accepted. */
const value = fc
  .tuple(
    plainText,
    fc.array(
      fc.tuple(
        pick(['  ', '\t', '   ']),
        fc.oneof(
          plainText.map((p) => p.join('')),
          pick(['# c', '; c', '', '  ', '[x]', 'k = v']),
        ),
      ),
      { maxLength: 3 },
    ),
  )
  .map(([first, rest]) => [first.join(''), ...rest.map((line) => line.join(''))].join('\n'));
const pairs = fc
  .uniqueArray(fc.tuple(pick(KEYS), pick([' = ', '=', ': ', ':']), value), {
    maxLength: 5,
    selector: ([key]) => key.toLowerCase(),
  })
  .map((lines) => lines.map((line) => `${line.join('')}\n`).join(''));
const tidyFile = fc
  .uniqueArray(fc.tuple(pick(NAMES), pick(['\n', '\n\n', '\n# c\n']), pairs), {
    maxLength: 4,
    selector: ([name]) => name,
  })
  .chain((sections) =>
    fc.boolean().map((isCrLf) => {
      const all = sections.map(([name, gap, body]) => `[${name}]${gap}${body}`).join('');
      return isCrLf ? all.replaceAll('\n', '\r\n') : all;
    }),
  );

/** Chains of references, to reach the limit of depth. */
const deepFile = fc
  .tuple(fc.integer({ min: 6, max: 13 }), fc.boolean())
  .map(([count, isCircle]) => {
    const keys = Array.from({ length: count }, (_none, at) => `k${at} = <%(k${at + 1})s>`);
    return `[deep]\n${keys.join('\n')}\nk${count} = ${isCircle ? '%(k0)s' : '%%end'}\n`;
  });

const noise = fc
  .array(fc.oneof(pick(PIECES), pick(['\n', '\r', '[s]\n', 'key=', '\n ', '\n\t'])), {
    maxLength: 20,
  })
  .map((parts) => parts.join(''));

export const configText: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: tidyFile },
  { weight: 9, arbitrary: nastyFile },
  { weight: 1, arbitrary: deepFile },
  { weight: 3, arbitrary: noise },
  { weight: 2, arbitrary: noise.map((tail) => `[s]\nkey = 1\n${tail}`) },
);
