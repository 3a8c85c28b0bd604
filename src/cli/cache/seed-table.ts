/** The table of `cache lookup` in SlapOS 1.2 (spec/networkcache.md 10). Pure. */
import { cellWidth } from '../../log/cell-width.ts';

const TITLES = ['distribution', 'version', 'id', 'compatible?'] as const;
const [NAME_WIDTH, VERSION_WIDTH, ID_WIDTH] = [16, 12, 14];

/** @param rows distribution, version, id and whether this machine can use it */
export function renderSeedTable(rows: ReadonlyArray<readonly string[]>): string[] {
  const [name, version, id, last] = TITLES;
  return [
    '-------------',
    'Available for:',
    [name.padEnd(NAME_WIDTH), center(version, VERSION_WIDTH), center(id, ID_WIDTH), last].join(
      ' | ',
    ),
    [NAME_WIDTH + 1, VERSION_WIDTH + 2, ID_WIDTH + 2, last.length + 2]
      .map((width) => '-'.repeat(width))
      .join('+'),
    ...rows.map(renderRow),
  ];
}

function renderRow([name = '', version = '', id = '', last = '']: readonly string[]): string {
  const spaces = (text: string, width: number) => ' '.repeat(Math.max(0, width - cellWidth(text)));
  return [
    name + spaces(name, NAME_WIDTH),
    spaces(version, VERSION_WIDTH) + version,
    center(id, ID_WIDTH),
    last,
  ].join(' | ');
}

/** `str.center` of Python for an even width: the odd space goes to the right. */
function center(text: string, width: number): string {
  const rest = Math.max(0, width - cellWidth(text));
  const left = Math.floor(rest / 2);
  return ' '.repeat(left) + text + ' '.repeat(rest - left);
}
