import { expect, it } from 'vitest';
import { parseDefinition } from '../../../src/format/definition.ts';

it('says in one line which address is none', () => {
  const partition = new Map([
    ...[
      ['pathname', 'p'],
      ['user', 'u'],
      ['network_interface', 't'],
    ].map(([key, text]) => [key, text] as [string, string]),
    ['address', ''],
    ['ipv6_range', 'fd00::/80\nx'],
  ]);
  const read = new Map([
    ['computer', new Map<string, string>()],
    ['partition_0', partition],
  ]);
  expect(() => parseDefinition(read, 1, '/d')).toThrow(/has 'fd00::\/80\\nx' where an IPv6/);
});
