/** Plain files mean the same to our reader and to the `ini` package (docs/dependencies.md). */
import { parse } from 'ini';
import { expect, test } from 'vitest';
import { parseConfig } from '../../../src/config/read.ts';

const PLAIN = `# written by slapos
[slapos]
computer_id = COMP-1
master_url = http://127.0.0.1:8080
instance_root=/srv/slapgrid

[slapformat]
interface_name = lo
create_tap = no
partition_amount = 20
`;

function ours(text: string): unknown {
  const config = parseConfig(text, 'F');
  const sections = config.sections().map((name) => [name, Object.fromEntries(config.items(name))]);
  return Object.fromEntries(sections);
}

test('a plain file is read alike', () => {
  expect(JSON.parse(JSON.stringify(parse(PLAIN)))).toEqual(ours(PLAIN));
});

test.each([
  ['an inline comment', '[s]\nurl = http://h/#x\n'],
  ['quotes', '[s]\nname = "quoted"\n'],
  ['a dotted section', '[a.b]\nx = 1\n'],
  ['a list', '[s]\nlist =\n  a\n  b\n'],
  ['a reference', '[s]\na = 1\nb = %(a)s\n'],
])('%s is not', (_what, text) => {
  expect(JSON.parse(JSON.stringify(parse(text)))).not.toEqual(ours(text));
});
