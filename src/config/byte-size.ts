/** Sizes as people write them in slapos.cfg: `1000M`, `2 GB`, `1.5 gibi`, `4096` (spec/grid.md 2). */

const LETTERS = ['b', 'k', 'm', 'g', 't', 'p', 'e', 'z', 'y'];
const NAMES = ['byte', 'kilo', 'mega', 'giga', 'tera', 'peta', 'exa', 'zetta', 'iotta'];
const BINARY_NAMES = ['byte', 'kibi', 'mebi', 'gibi', 'tebi', 'pebi', 'exbi', 'zebi', 'yobi'];
const SHOWN = ['B', 'KB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'];

/**
 * The number of bytes that a text means; every unit is a power of 1024.
 * @returns undefined when the text is no size.
 */
export function parseByteSize(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(?:([A-Za-z]+)\s*)?$/.exec(text);
  if (match === null) return undefined;
  const power = unitPower((match[2] ?? '').toLowerCase());
  return power < 0 ? undefined : Math.trunc(Number(match[1]) * 1024 ** power);
}

/** Bytes for people, with one decimal: `10.0 MB`. */
export function renderByteSize(bytes: number): string {
  let power = 0;
  while (bytes / 1024 ** power >= 1024 && power < SHOWN.length - 1) power += 1;
  return `${(bytes / 1024 ** power).toFixed(1)} ${SHOWN[power] ?? 'B'}`;
}

function unitPower(unit: string): number {
  if (unit === '') return 0;
  const spellings = [
    LETTERS,
    LETTERS.map((letter) => `${letter}b`),
    LETTERS.map((letter) => `${letter}i`),
    LETTERS.map((letter) => `${letter}ib`),
    NAMES,
    BINARY_NAMES,
  ];
  return spellings.reduce((found, list) => (found < 0 ? list.indexOf(unit) : found), -1);
}
