import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  needsRoot,
  parseRedirections,
  redirectionName,
  renderRedirection,
} from '../../../src/manager/redirections.ts';

const OWN = '2001:db8::5';
const ADDRESSES = ['10.0.0.1', OWN, '2001:db8::6'];
const commands = (entries: readonly unknown[], own: readonly string[] = ADDRESSES) =>
  parseRedirections(entries, own).redirections.map((each) =>
    renderRedirection('socat', each, 'slapuser0'),
  );

describe('parseRedirections', () => {
  it.each([
    [{ srcPort: 1234, destPort: 4321 }, `TCP4-LISTEN:1234,fork TCP6:[${OWN}]:4321`],
    [
      { srcPort: '80', destPort: ' 443 ', srcAddress: '10.0.0.1', destAddress: '::1', type: 'TCP' },
      'TCP4-LISTEN:80,bind=10.0.0.1,fork,su=slapuser0 TCP6:[::1]:443',
    ],
    [
      { srcPort: 5353, destPort: 53, srcAddress: '::', destAddress: '10.0.0.2', type: 'udp' },
      'UDP6-LISTEN:5353,bind=[::],fork UDP4:10.0.0.2:53',
    ],
    [
      { srcPort: 1, destPort: 65535, srcAddress: null, destAddress: '2001:DB8:0:0::5' },
      `TCP4-LISTEN:1,fork,su=slapuser0 TCP6:[${OWN}]:65535`,
    ],
  ])('%j', (entry, command) => expect(commands([entry])).toEqual([`socat ${command}`]));

  it.each([
    ...[null, 7, 'x', [], {}, { srcPort: 1 }, { srcPort: 0, destPort: 1 }],
    ...[
      { srcPort: 65536, destPort: 1 },
      { srcPort: 1.5, destPort: 1 },
      { srcPort: '1;id', destPort: 1 },
    ],
    { srcPort: 1, destPort: '1,exec:id' },
    { srcPort: 1, destPort: 1, type: 'exec' },
    { srcPort: 1, destPort: 1, type: ['tcp'] },
    { srcPort: 1, destPort: 1, type: { toString: 1, valueOf: 1 } },
    { srcPort: 1, destPort: 1, srcAddress: '10.0.0.1,su=root' },
    { srcPort: 1, destPort: 1, destAddress: 'localhost' },
    { srcPort: 1, destPort: 1, destAddress: '::1 EXEC:/bin/sh' },
    { srcPort: 1, destPort: 1, destAddress: 'fe80::1%eth0' },
  ])('leaves out %j', (entry) => {
    const { problems, redirections } = parseRedirections([entry], ADDRESSES);
    expect([redirections, problems.length]).toEqual([[], 1]);
  });

  it.each([
    ['10.0.0.1', true],
    ['2001:DB8:0::5', true],
    ['0.0.0.0', true],
    [null, true],
    ['10.0.0.2', false],
    ['127.0.0.1', false],
    ['2001:db8::7', false],
    ['::ffff:10.0.0.2', false],
    ['::1', false],
    ['::', false],
  ])('lets root listen on %s: %s', (srcAddress, isAllowed) => {
    const ports = (srcPort: number) =>
      parseRedirections([{ srcPort, destPort: 1, srcAddress }], ADDRESSES);
    expect(ports(1023).redirections.length).toBe(isAllowed ? 1 : 0);
    expect(ports(1024).redirections.length).toBe(1);
    if (isAllowed) return;
    expect(ports(1023).problems).toEqual([
      'entry 1: srcAddress of a port below 1024 is not of the partition',
    ]);
  });

  it('needs an address of the partition, or one in the entry', () => {
    const { problems } = parseRedirections([{ srcPort: 1, destPort: 1 }], ['10.0.0.1']);
    expect(problems).toEqual(['entry 1: destAddress is no IP address']);
  });

  it('takes the last of two entries for one port, and no more than 256', () => {
    expect(
      commands([
        { srcPort: 9, destPort: 1 },
        { srcPort: 9, destPort: 2 },
      ]),
    ).toEqual([`socat TCP4-LISTEN:9,fork,su=slapuser0 TCP6:[${OWN}]:2`]);
    const many = Array.from({ length: 300 }, (_, index) => ({ srcPort: index + 1, destPort: 1 }));
    const { problems, redirections } = parseRedirections(many, ADDRESSES);
    expect(redirections).toHaveLength(256);
    expect(problems).toEqual(['only the first 256 of 300 entries are used']);
  });

  it('never lets an entry become anything but addresses and ports', () => {
    const value = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.constantFrom('tcp', '::1', 80, null),
      fc.json().map((text) => JSON.parse(text)),
    );
    const keys = ['srcPort', 'destPort', 'srcAddress', 'destAddress', 'type'];
    const entry = fc.dictionary(fc.constantFrom(...keys), value);
    fc.assert(
      fc.property(fc.array(entry), (entries) =>
        commands(entries).every((text) =>
          /^socat (TCP|UDP)[46]-LISTEN:\d+(,bind=[\d.]+|,bind=\[[\da-f:.]+\])?,fork(,su=slapuser0)? \1[46]:[\da-f:.[\]]+:\d+$/.test(
            text,
          ),
        ),
      ),
    );
  });
});

it('runs as root only for ports below 1024', () => {
  const { redirections } = parseRedirections(
    [
      { srcPort: 1023, destPort: 1 },
      { srcPort: 1024, destPort: 1, type: 'udp' },
    ],
    ADDRESSES,
  );
  expect(redirections.map((each) => [redirectionName(each), needsRoot(each)])).toEqual([
    ['socat-tcp-1023', true],
    ['socat-udp-1024', false],
  ]);
});
