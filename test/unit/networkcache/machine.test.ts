import { describe, expect, it } from 'vitest';
import {
  chooseDistribution,
  describeMachine,
  guessMultiarch,
  isCompatible,
  type Machine,
} from '../../../src/networkcache/machine.ts';
import { readMachine } from '../../../src/networkcache/read-machine.ts';

function machine(text: string, multiarch = 'x86_64-linux-gnu'): Machine {
  const [id = '', version = '', codename = ''] = text.split('|');
  return { multiarch, distribution: { id, version, codename } };
}

describe('two machines', () => {
  it.each([
    ['Debian|8.11|', 'debian|8.4|', true],
    ['debian|12|bookworm', 'debian|12.5|', true],
    ['raspbian|11|bullseye', 'debian|11|', true],
    ['debian|6.0.6|', 'debian|7.0|', false],
    ['Ubuntu|18.04|bionic', 'ubuntu|18.04|bionic', true],
    ['ubuntu|24.04|noble', 'ubuntu|24.04|Noble', false],
    ['CentOS Linux|7.5.1804|Core', 'centos|7|Core', false],
  ])('%s and %s: %s', (one, other, expected) => {
    expect(isCompatible(machine(one), machine(other))).toBe(expected);
    expect(isCompatible(machine(one), machine(other, 'aarch64-linux-gnu'))).toBe(false);
  });
});

describe('the distribution', () => {
  const choose = (osRelease: string, debianVersion = '') =>
    chooseDistribution({ osRelease, debianVersion });

  it.each([
    ['ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm', ['debian', '12', 'bookworm']],
    ['ID="ol"\nVERSION_ID="9.1"', ['oracle', '9.1', '']],
    ['ID=opensuse-leap\nVERSION_ID=15.5', ['opensuse', '15.5', '']],
    ["ID='My Linux'\nVERSION_ID=1", ['my_linux', '1', '']],
    ['ID=ubuntu\nVERSION_ID=18.04\nUBUNTU_CODENAME=bionic', ['ubuntu', '18.04', 'bionic']],
    ['ID=ubuntu\nVERSION_CODENAME=\nUBUNTU_CODENAME=x\nVERSION_ID=1', ['ubuntu', '1', '']],
    ['ID=debian\nVERSION="8 (jessie)"\nVERSION_ID=8', ['debian', '8', 'jessie']],
    ['ID=x\nVERSION="7, Trusty Tahr"\nVERSION_ID=7', ['x', '7', 'Trusty Tahr']],
    ['ID=x\nPRETTY_NAME="X Linux 3.4 rolling"', ['x', '3.4', '']],
  ])('of %j', (text, [id, version, codename]) => {
    expect(choose(text)).toEqual({ id, version, codename });
  });

  it('of Debian unstable has its version from debian_version', () => {
    const text = 'ID=debian\nPRETTY_NAME="Debian GNU/Linux forky/sid"\nVERSION_CODENAME=forky';
    expect(choose(text, 'forky/sid\n')).toEqual({
      id: 'debian',
      version: 'forky/sid',
      codename: 'forky',
    });
  });
});

describe('the machine', () => {
  const facts = (asked: string | undefined, arch = 'x64', osRelease?: string) => ({
    arch,
    readText: async (path: string) => (path === '/etc/os-release' ? osRelease : undefined),
    ask: async () => asked,
  });

  it('is what GCC says, else what its distribution would have', async () => {
    const debian = 'ID=debian\nVERSION_ID=12';
    const read = async (...args: Parameters<typeof facts>) =>
      (await readMachine(facts(...args)))?.multiarch;
    expect(await read('x86_64-own-linux', 'x64', debian)).toBe('x86_64-own-linux');
    expect(await read(undefined, 'x64', debian)).toBe('x86_64-linux-gnu');
    expect(await read(undefined, 'arm64', debian)).toBe('aarch64-linux-gnu');
    expect(await read(undefined, 'x64', 'ID=fedora')).toBe('x86_64-redhat-linux');
    expect(await readMachine(facts(undefined, 's390x', debian))).toBeUndefined();
    expect(guessMultiarch('mips', machine('debian|12|').distribution)).toBeUndefined();
  });

  it('is described in a few words', () => {
    expect(describeMachine(machine('debian|12|'))).toBe('x86_64-linux-gnu (debian 12)');
  });
});
