import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parseIpv4,
  parseIpv4Cidr,
  parseIpv4Netmask,
  parseIpv6,
  parseIpv6Cidr,
  parseIpv6Netmask,
  renderIpv4,
  renderIpv4Netmask,
  renderIpv6,
  renderIpv6Netmask,
} from '../../../src/model/ip-address.ts';

const MAX_IPV6 = (1n << 128n) - 1n;

describe('IPv6 text', () => {
  it.each([
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('%s is written %s', (text, canonical) => {
    expect(renderIpv6(parseIpv6(text) ?? -1n)).toBe(canonical);
  });

  it.each([
    '',
    ':',
    ':::',
    '1::2::3',
    '12345::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    'g::',
    '::1%eth0',
    '1.2.3.4::',
    ' ::1',
    '::1/64',
  ])('%j is no address', (text) => {
    expect(parseIpv6(text)).toBeNull();
  });

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, MAX_IPV6), (value) => {
        expect(parseIpv6(renderIpv6(value))).toBe(value);
      }),
    );
  });
});

describe('IPv4 text', () => {
  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (value) => {
        expect(parseIpv4(renderIpv4(value))).toBe(value);
      }),
    );
  });

  it.each(['', '1.2.3', '1.2.3.256', '01.2.3.4', '1.2.3.4.5', '1.2.3.x'])(
    '%j is no address',
    (text) => {
      expect(parseIpv4(text)).toBeNull();
    },
  );
});

describe('netmasks', () => {
  it('stand for their prefix length', () => {
    for (let length = 0; length <= 128; length += 1) {
      expect(parseIpv6Netmask(renderIpv6Netmask(length))).toBe(length);
    }
    for (let length = 0; length <= 32; length += 1) {
      expect(parseIpv4Netmask(renderIpv4Netmask(length))).toBe(length);
    }
  });

  it('may be the length itself in old state files', () => {
    expect(parseIpv6Netmask('64')).toBe(64);
    expect(parseIpv6Netmask('ffff:ffff::/32')).toBe(32);
  });

  it.each(['ffff::1', '129', 'x'])('%j is no IPv6 netmask', (text) => {
    expect(parseIpv6Netmask(text)).toBeNull();
  });
});

describe('networks', () => {
  it('drop host bits', () => {
    expect(parseIpv4Cidr('10.0.3.4/16')).toEqual({ network: 0x0a000000, prefixLength: 16 });
    expect(parseIpv4Cidr('10.9.9.9')).toEqual({ network: 0x0a090909, prefixLength: 32 });
    expect(parseIpv6Cidr('2001:db8::1/64')).toEqual({
      address: 0x20010db8000000000000000000000001n,
      prefixLength: 64,
    });
  });

  it.each(['10.0.0.0/33', '10.0.0/8', 'x', '10.0.0.0/'])('%j is no IPv4 network', (text) => {
    expect(parseIpv4Cidr(text)).toBeNull();
  });
});
