import { describe, expect, it } from 'vitest';
import {
  type CacheEntry,
  chooseBinaries,
  parseBinaryEntry,
  parseEntries,
  renderBinaryEntry,
} from '../../../src/networkcache/entry.ts';
import type { Machine } from '../../../src/networkcache/machine.ts';
import {
  isKeyTrusted,
  isSigned,
  readTrustedKeys,
  signText,
} from '../../../src/networkcache/signature.ts';
import { createSigner } from '../../support/signer.ts';

const URL = 'http://example.com/software.cfg';
const ROOT = '/opt/slapgrid';
const SHA512 = 'a'.repeat(128);
const HERE: Machine = {
  multiarch: 'x86_64-linux-gnu',
  distribution: { id: 'debian', version: '12', codename: 'bookworm' },
};
const signer = createSigner();
const stranger = createSigner('stranger');
const { keys } = readTrustedKeys([signer.certificate]);

const render = (changes: object = {}) =>
  JSON.stringify({
    ...JSON.parse(
      renderBinaryEntry({ sha512: SHA512, softwareUrl: URL, softwareRoot: ROOT, machine: HERE }),
    ),
    ...changes,
  });
const signed = (text: string, key = signer.key): CacheEntry => ({
  text,
  signature: signText(text, key),
});
const choose = (...entries: CacheEntry[]) =>
  chooseBinaries(entries, { url: URL, softwareRoot: ROOT, machine: HERE, trustedKeys: keys });

describe('a signature', () => {
  const { signature, text } = signed(render());

  it('holds for the very text, also with line breaks in it', () => {
    expect(isSigned(text, signature, keys)).toBe(true);
    expect(isSigned(text, signature.replace(/(.{76})/g, '$1\n').concat('\n'), keys)).toBe(true);
    expect(isSigned(text.replace(':', ': '), signature, keys)).toBe(false);
  });

  it('is nothing when empty, of somebody else, or without certificates', () => {
    expect(isSigned(text, '', keys)).toBe(false);
    expect(isSigned(text, 'x', keys)).toBe(false);
    expect(isSigned(text, signText(text, stranger.key), keys)).toBe(false);
    expect(isSigned(text, signature, [])).toBe(false);
  });

  it('of a key is trusted only with its certificate', () => {
    expect(isKeyTrusted(signer.key, keys)).toBe(true);
    expect(isKeyTrusted(stranger.key, keys)).toBe(false);
  });

  it('leaves out certificates that cannot be read', () => {
    const { keys: some, problems } = readTrustedKeys(['no certificate', signer.certificate]);
    expect(some).toHaveLength(1);
    expect(problems[0]).toContain('Certificate 1 of signature-certificate-list');
  });
});

describe('the answer of a shadir', () => {
  it('is a list of pairs; others are left out', () => {
    expect(parseEntries('[["a","b"],["c"],"d",["e",1],["f","g","h"]]')).toEqual([
      { text: 'a', signature: 'b' },
      { text: 'f', signature: 'g' },
    ]);
    for (const body of ['<html>', '{}', '']) {
      expect(() => parseEntries(body)).toThrow('Failed to parse json response');
    }
  });
});

describe('an entry', () => {
  it('has the order of upstream', () => {
    expect(Object.keys(JSON.parse(render()))).toEqual([
      'sha512',
      'software_url',
      'software_root',
      'multiarch',
      'os',
    ]);
  });

  it('of an old version names a machine and a tuple', () => {
    const legacy = (machine: string, os: unknown) =>
      parseBinaryEntry(JSON.stringify({ sha512: SHA512, machine, os }))?.machine;
    expect(legacy('x86_64', "('Ubuntu', '18.04', 'bionic')")).toEqual({
      multiarch: 'x86_64-linux-gnu',
      distribution: { id: 'Ubuntu', version: '18.04', codename: 'bionic' },
    });
    expect(legacy('x86_64', "('debian', '8.10', '')")?.distribution.codename).toBe('');
    expect(legacy('i686', "('debian', '8.10', '')")).toBeUndefined();
    expect(legacy('x86_64', 'nonsense')).toBeUndefined();
  });

  it.each(['[]', 'null', 'x', '{}', render({ sha512: '../x' }), render({ os: ['debian'] })])(
    'that says nothing sensible is none: %j',
    (text) => {
      expect(parseBinaryEntry(text)).toBeUndefined();
    },
  );
});

describe('the choice of entries', () => {
  it('is the third of an unsigned, a badly signed and a good one', () => {
    const good = signed(render());
    const { refusals, usable } = choose(
      { text: render(), signature: '' },
      signed(render(), stranger.key),
      good,
    );
    expect(usable).toHaveLength(1);
    expect(refusals).toEqual([
      'Entry 1 is not used: nobody in signature-certificate-list signed it.',
      'Entry 2 is not used: nobody in signature-certificate-list signed it.',
    ]);
  });

  it.each([
    [{ software_url: 'http://example.com/other.cfg' }, 'it is of http://example.com/other.cfg'],
    [{ software_root: '/srv/slapgrid' }, 'it was built for software_root /srv/slapgrid'],
    [{ multiarch: 'aarch64-linux-gnu' }, 'it is for aarch64-linux-gnu (debian 12 bookworm)'],
    [{ os: ['debian', '11', ''] }, 'it is for x86_64-linux-gnu (debian 11)'],
    [{ multiarch: undefined }, 'it cannot be understood'],
  ])('refuses %j', (changes, why) => {
    const { refusals, usable } = choose(signed(render(changes)));
    expect(usable).toEqual([]);
    expect(refusals).toEqual([`Entry 1 is not used: ${why}.`]);
  });
});
