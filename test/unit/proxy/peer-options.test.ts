import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../../src/config/read.ts';
import { parsePeerCheck } from '../../../src/proxy/peer-options.ts';

const folder = mkdtempSync(join(tmpdir(), 'slapos-peer-options-'));
writeFileSync(join(folder, 'slapos.cfg'), '[slapproxy]\n');
const config = readConfig(join(folder, 'slapos.cfg'));
afterAll(() => rmSync(folder, { recursive: true }));

function parse(values: Readonly<Record<string, string>>) {
  return parsePeerCheck(new Map(Object.entries({ instance_root: '/srv/i', ...values })), config);
}

describe('peer_check', () => {
  it('is off unless it is wanted', () => {
    expect(parse({})).toBeUndefined();
    expect(parse({ peer_check: 'no', peer_check_users: 'root' })).toBeUndefined();
  });

  it('takes users by commas, blanks and lines', () => {
    expect(parse({ peer_check: 'true', peer_check_users: 'alice, 1000\nbob' })?.users).toEqual([
      'alice',
      '1000',
      'bob',
    ]);
  });

  it('takes addresses and networks of both families', () => {
    const check = parse({
      peer_check: 'on',
      peer_check_networks: '192.0.2.7 2001:db8::/64\n198.51.100.0/24',
    });
    const trusted = ['192.0.2.7', '::ffff:192.0.2.7', '2001:db8::5', '198.51.100.255'];
    for (const address of trusted) expect(check?.isTrustedAddress(address), address).toBe(true);
    const others = ['192.0.2.8', '2001:db8:1::5', '127.0.0.1', '::1', '', 'x'];
    for (const address of others) expect(check?.isTrustedAddress(address), address).toBe(false);
  });

  it('trusts no other machine by default', () => {
    expect(parse({ peer_check: 'true' })?.isTrustedAddress('192.0.2.7')).toBe(false);
  });

  it.each<[Readonly<Record<string, string>>, string]>([
    [{ peer_check: 'perhaps' }, 'peer_check perhaps is no boolean'],
    ...['host', '192.0.2.0/33', '2001:db8::/129', '192.0.2.0/x', '/24', 'fe80::1%eth0'].map(
      (word): [Readonly<Record<string, string>>, string] => [
        { peer_check: 'true', peer_check_networks: word },
        `peer_check_networks has ${word}, which is no address or network`,
      ],
    ),
  ])('refuses %j', (values, message) => {
    expect(() => parse(values)).toThrow(message);
  });

  it('needs to know where the partitions are', () => {
    expect(() => parsePeerCheck(new Map([['peer_check', 'true']]), config)).toThrow(
      'peer_check needs instance_root',
    );
  });
});
