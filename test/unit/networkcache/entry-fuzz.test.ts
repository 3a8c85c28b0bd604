/** What a cache answers is somebody else's text: nothing of it may end the node, or take long. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  chooseBinaries,
  parseBinaryClaim,
  parseBinaryEntry,
  parseEntries,
  parseSourceEntry,
} from '../../../src/networkcache/entry.ts';
import { isSigned, readTrustedKeys, signText } from '../../../src/networkcache/signature.ts';
import { createSigner } from '../../support/signer.ts';

const signer = createSigner();
const { keys } = readTrustedKeys([signer.certificate]);
const machine = {
  multiarch: 'x86_64-linux-gnu',
  distribution: { id: 'debian', version: '12', codename: '' },
};
const search = { url: 'http://u/', softwareRoot: '/opt', machine, trustedKeys: keys };

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.json(),
  fc
    .record(
      {
        sha512: fc.oneof(fc.constant('0f'.repeat(64)), fc.anything()),
        software_url: fc.oneof(fc.string({ unit: 'binary' }), fc.anything()),
        software_root: fc.oneof(fc.constant('/opt'), fc.anything()),
        multiarch: fc.oneof(fc.constant('x86_64-linux-gnu'), fc.anything()),
        machine: fc.constantFrom('x86_64', 'i686', 1),
        os: fc.oneof(
          fc.array(fc.string({ unit: 'binary' }), { maxLength: 4 }),
          fc.constantFrom("('debian', '8.10', '')", '(', ')', '()', `('a', "b", 'c',)`),
          fc.anything(),
        ),
        url: fc.anything(),
        basename: fc.string(),
      },
      { requiredKeys: [] },
    )
    .map((value) => {
      try {
        return JSON.stringify(value) ?? 'undefined';
      } catch {
        return '{}';
      }
    }),
);

it('reads lists of entries or says that they are none', () => {
  const body = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.array(fc.oneof(fc.tuple(text, fc.string()), fc.anything())).map((list) => {
      try {
        return JSON.stringify(list);
      } catch {
        return '[]';
      }
    }),
  );
  fc.assert(
    fc.property(body, (answer) => {
      try {
        for (const entry of parseEntries(answer)) {
          expect([typeof entry.text, typeof entry.signature]).toEqual(['string', 'string']);
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'SLAPOS_ERR_CACHE' });
      }
    }),
    { numRuns: 1000 },
  );
});

it('understands an entry or leaves it out, whatever is in it', () => {
  fc.assert(
    fc.property(text, (entry) => {
      const claim = parseBinaryClaim(entry);
      if (claim !== undefined) {
        const { codename, id, version } = claim.machine.distribution;
        const words = [claim.machine.multiarch, id, version, codename];
        expect(words.map((word) => typeof word)).toEqual(words.map(() => 'string'));
      }
      const { sha512 = 'f'.repeat(128) } = parseBinaryEntry(entry) ?? {};
      expect(sha512).toMatch(/^[0-9a-f]{128}$/);
      for (const name of ['url', 'basename'] as const) {
        const file = parseSourceEntry(entry, name);
        if (file !== undefined) expect(typeof file.name).toBe('string');
      }
    }),
    { numRuns: 2000 },
  );
});

it('uses nothing that is not signed, and tells of the rest in one printable line each', () => {
  const entry = fc.tuple(text, fc.boolean(), fc.string());
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 4 }), (list) => {
      const entries = list.map(([each, isGood, noise]) => {
        return { text: each, signature: isGood ? signText(each, signer.key) : noise };
      });
      const { refusals, usable } = chooseBinaries(entries, search);
      expect(refusals.length + usable.length).toBe(entries.length);
      expect(usable.length).toBeLessThanOrEqual(list.filter(([, isGood]) => isGood).length);
      for (const line of refusals) {
        expect(line.length).toBeLessThan(400);
        expect(line).not.toMatch(/[\p{Cc}\u2028\u202e]/u);
      }
    }),
    { numRuns: 300 },
  );
});

it('shows the URL of another entry harmlessly', () => {
  const evil = {
    ...{ sha512: '0f'.repeat(64), software_url: `\u001b[2J\nINFO ${'x'.repeat(5000)}` },
    ...{ multiarch: 'x86_64-linux-gnu', os: ['debian', '12', ''] },
  };
  const entry = JSON.stringify(evil);
  const { refusals } = chooseBinaries(
    [{ text: entry, signature: signText(entry, signer.key) }],
    search,
  );
  expect(refusals[0]).toMatch(/^Entry 1 is not used: it is of \\x1b\[2J\\nINFO x+…\.$/);
  expect(refusals[0]?.length).toBeLessThan(400);
});

it('is not held up by long or deep texts', () => {
  expect(() => parseEntries('['.repeat(2_000_000))).toThrow('Failed to parse json response');
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  expect(parseEntries(`[[${deep}, ""]]`)).toEqual([]);
  for (const os of [`(${' '.repeat(1_000_000)}x`, `(${"'".repeat(1_000_001)})`, '('.repeat(1e6)]) {
    expect(parseBinaryClaim(JSON.stringify({ machine: 'x86_64', os }))).toBeUndefined();
  }
  expect(isSigned('x', ' \n'.repeat(1_000_000), keys)).toBe(false);
});
