/** Which places a list allows: names, addresses, networks, and what none of them means. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renderIpv4 } from '../../../../src/model/ip-address.ts';
import {
  isPublic,
  isSpecial,
  parseAddress,
  parseNetwork,
} from '../../../../src/proxy/address-class.ts';
import {
  type AllowRule,
  allowsAddress,
  allowsAddressOfName,
  allowsName,
  parseAllowRule,
} from '../../../../src/proxy/web/allow-list.ts';
import { parseTarget } from '../../../../src/proxy/web/http-target.ts';

const rules = (...lines: string[]) =>
  lines.map((line) => {
    const rule = parseAllowRule(line);
    if (typeof rule === 'string') throw new Error(`${line}: ${rule}`);
    return rule;
  });
const target = (url: string) => parseTarget(`/http_proxy/${url.replace('://', '/')}`);
const address = (text: string) => parseAddress(text) ?? 0n;
const isNamed = (list: AllowRule[], url: string) => allowsName(list, target(url));
const isListed = (list: AllowRule[], url: string) => {
  const wanted = target(url);
  return allowsAddress(list, wanted, address(wanted.host));
};

describe('names', () => {
  test.each<[line: string, allowed: string[], refused: string[]]>([
    [
      'example.com',
      [
        'http://example.com',
        'https://example.com/x',
        'https://EXAMPLE.com:443',
        'http://example.com.',
      ],
      [
        'http://example.com:8080',
        'https://example.com:80',
        'http://a.example.com',
        'http://xexample.com',
      ],
    ],
    [
      'https://Example.com',
      ['https://example.com'],
      ['http://example.com', 'http://example.com:443'],
    ],
    ['http://example.com:8080/', ['http://example.com:8080'], ['https://example.com:8080']],
    ['example.com:*', ['http://example.com:1', 'https://example.com'], ['http://example.org']],
    [
      '*.example.com',
      ['http://a.example.com', 'https://a.b.example.com'],
      ['http://example.com', 'http://aexample.com', 'http://example.com.evil.org'],
    ],
    ['my_host', ['http://my_host/'], ['http://my-host/']],
  ])('%s', (line, allowed, refused) => {
    for (const url of allowed) expect([url, isNamed(rules(line), url)]).toEqual([url, true]);
    for (const url of refused) expect([url, isNamed(rules(line), url)]).toEqual([url, false]);
  });
});

describe('addresses', () => {
  test.each<[line: string, allowed: string[], refused: string[]]>([
    ['8.8.8.8', ['http://8.8.8.8', 'http://134744072'], ['http://8.8.8.9', 'http://8.8.8.8:81']],
    ['10.0.0.0/8:*', ['http://10.255.1.2:99', 'http://[::ffff:10.0.0.1]'], ['http://11.0.0.1']],
    ['127.0.0.1:8080', ['http://127.1:8080', 'http://0x7f000001:8080'], ['http://127.0.0.2:8080']],
    [
      '[2a00:1450::/32]:443',
      ['https://[2a00:1450::1]'],
      ['http://[2a00:1450::1]', 'https://[2a01::1]'],
    ],
    ['2a00:1450::/32', ['http://[2a00:1450::1]'], ['http://[2a00:1450::1]:81']],
    ['fd00::/8', ['http://[fd00::1]'], ['http://[fe80::1]', 'http://[::1]']],
    ['::1', ['http://[::1]', 'http://[0:0:0:0:0:0:0:1]'], ['http://127.0.0.1', 'http://[::2]']],
    // A wide network of others does not hold what is special in it.
    ['100.0.0.0/8', ['http://100.1.2.3'], ['http://100.64.0.1']],
    ['169.0.0.0/8', ['http://169.1.2.3'], ['http://169.254.169.254']],
    ['2001::/16', ['http://[2001:4860::1]'], ['http://[2001:db8::1]', 'http://[2001::1]']],
    // IPv4 in the clothes of IPv6 is IPv4.
    ['::/96', ['http://[::2]'], ['http://127.0.0.1', 'http://8.8.8.8', 'http://[::ffff:8.8.8.8]']],
    // Nothing is the machine itself by another name, or a group.
    ['0.0.0.0/8:*', [], ['http://0.0.0.0', 'http://0']],
    ['224.0.0.0/4', [], ['http://224.0.0.1']],
    ['240.0.0.0/4', [], ['http://255.255.255.255']],
    ['::/64', [], ['http://[::]', 'http://[::ffff:8.8.8.8]']],
    ['ff00::/8', [], ['http://[ff02::1]']],
  ])('%s', (line, allowed, refused) => {
    for (const url of allowed) expect([url, isListed(rules(line), url)]).toEqual([url, true]);
    for (const url of refused) expect([url, isListed(rules(line), url)]).toEqual([url, false]);
  });

  test.each<[lines: string[], url: string, found: string, isAllowed: boolean]>([
    [['example.com'], 'http://example.com', '93.184.216.34', true],
    [['example.com'], 'http://example.com', '2606:2800::1', true],
    [['example.com'], 'http://example.com', '127.0.0.1', false],
    [['example.com'], 'http://example.com', '10.0.0.1', false],
    [['example.com'], 'http://example.com', '169.254.169.254', false],
    [['example.com'], 'http://example.com', '::1', false],
    [['example.com'], 'http://example.com', '::ffff:127.0.0.1', false],
    [['example.com'], 'http://example.com', '64:ff9b::7f00:1', false],
    [['example.com'], 'http://example.com', '2002:7f00:1::', false],
    [['example.com'], 'http://example.com', 'fe80::1', false],
    [['example.com'], 'http://example.com', '0.0.0.0', false],
    [['example.com', '10.0.0.0/8'], 'http://example.com', '10.0.0.1', true],
    [['example.com:81', '10.0.0.0/8'], 'http://example.com:81', '10.0.0.1', false],
    [['localhost:*'], 'http://localhost:99', '127.0.0.1', true],
    [['localhost:*'], 'http://localhost:99', '::1', true],
    [['localhost:*'], 'http://localhost:99', '10.0.0.1', false],
  ])('with %s, %s may lead to %s: %s', (lines, url, found, isAllowed) => {
    expect(allowsAddressOfName(rules(...lines), target(url), address(found))).toBe(isAllowed);
  });

  test('of any special network are no public ones, and the other way round', () => {
    const number = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((value) => value >>> 0);
    fc.assert(
      fc.property(number, fc.integer({ min: 0, max: 32 }), (value, length) => {
        const network = parseNetwork(`${renderIpv4(value)}/${length}`);
        if (network === null) throw new Error('no network');
        return !(isSpecial(network) && isPublic(address(renderIpv4(value))));
      }),
      { numRuns: 2000 },
    );
  });
});

test.each<[line: string, why: RegExp]>([
  ['*', /open to everything/],
  ['*.com', /open to everything/],
  ['*:80', /open to everything/],
  ['0.0.0.0/0', /open to everything/],
  ['8.0.0.0/7', /open to everything/],
  ['::/0', /open to everything/],
  ['::/8', /open to everything/],
  ['2000::/3', /open to everything/],
  ['ftp://example.com', /no name|no address/],
  ['http://user:pass@example.com', /no name|no address/],
  ['user@example.com', /no name/],
  ['example.com/path', /no name/],
  ['http://example.com/path', /no name/],
  ['a b', /no name/],
  ['example.com:0', /port/],
  ['example.com:65536', /port/],
  ['1.2.3.4.5', /no name/],
  ['1.2.3.400', /no name/],
  ['10.0.0.0/33', /no name/],
  ['[fd00::/129]', /no address/],
  ['[example.com]', /no address/],
  ['fd00::g', /no address/],
  ['', /no name/],
  ['a:'.repeat(50_000), /no name/],
  [`${'a'.repeat(500_000)}!`, /no name/],
  ['*.*.com', /no name/],
  ['a*.example.com', /no name/],
])('the line %s is refused', (line, why) => {
  expect(parseAllowRule(line)).toMatch(why);
});
