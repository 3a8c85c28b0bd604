/** Signatures of cache entries: what we sign upstream's library believes, and the other way round. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { isSigned, readTrustedKeys, signText } from '../../src/networkcache/signature.ts';
import { findPeerPython, runPython } from '../support/peer-python.ts';
import { createSigner } from '../support/signer.ts';

const peer = findPeerPython('slapos.libnetworkcache');
const reason = 'reason' in peer ? peer.reason : '';
const python = 'python' in peer ? peer.python : '';

/** Each case: `key` signs `text`, or `signature` of `text` is verified with `certificates`. */
const PEER = `
import json, sys
from slapos.libnetworkcache import NetworkcacheClient
def client(key, certificates):
  return NetworkcacheClient('http://127.0.0.1:1', 'http://127.0.0.1:1',
    signature_private_key_file=key, signature_certificate_list=certificates)
def answer(case):
  if 'key' in case:
    return client(case['key'], case['certificates'])._getSignatureString(case['text'].encode())
  try:
    return bool(client(None, case['certificates']).verifySignatureInCertificateList(
      case['text'], case['signature']))
  except Exception as e:
    return 'error ' + type(e).__name__
json.dump([answer(case) for case in json.load(sys.stdin)], sys.stdout)
`;

interface Case {
  readonly text: string;
  readonly signature: string;
  readonly certificates: readonly string[];
}

const folder = mkdtempSync(join(tmpdir(), 'slapos-signatures-'));
const [one, two, three] = ['one', 'two', 'three'].map((name) => {
  const signer = createSigner(name);
  const keyFile = join(folder, `${name}.pem`);
  writeFileSync(keyFile, signer.key);
  return { ...signer, keyFile };
}) as [SignerFile, SignerFile, SignerFile];

type SignerFile = ReturnType<typeof createSigner> & { readonly keyFile: string };

/** What can be the text of an entry, which is signed as it is. */
const TEXTS = [
  '{}',
  '',
  '{"sha512": "00", "software_url": "http://example.com/software.cfg"}',
  '{"sha512":"00","os":["debian","12",""]}\n',
  '{"name": "été \u{1f600} \\u00e9"}',
  `{"long": "${'x'.repeat(100_000)}"}`,
];

function verifyOurs({ certificates, signature, text }: Case): boolean {
  return isSigned(text, signature, readTrustedKeys(certificates).keys);
}

describe.skipIf(reason !== '')(`slapos.libnetworkcache${reason && ` (skipped: ${reason})`}`, () => {
  afterAll(() => rmSync(folder, { recursive: true }));

  it('makes the very signatures that we make', () => {
    const { certificate, key, keyFile } = one;
    const asked = TEXTS.map((text) => ({ text, key: keyFile, certificates: [certificate] }));
    const theirs = runPython(python, PEER, asked) as string[];
    expect(theirs.map((text) => text.replace(/\s/g, ''))).toEqual(
      TEXTS.map((text) => signText(text, key)),
    );
  });

  it('believes what we believe', () => {
    const text = TEXTS[2] ?? '';
    const good = signText(text, one.key);
    const wrapped = `${good.replace(/.{76}/g, '$&\n')}\n`;
    const cases: ReadonlyArray<readonly [isGood: boolean, theCase: Case]> = [
      ...TEXTS.map((each) => {
        const signature = signText(each, one.key);
        return [true, { text: each, signature, certificates: [one.certificate] }] as const;
      }),
      [true, { text, signature: wrapped, certificates: [one.certificate] }],
      // A node that has the old and the new key, whichever of them signed.
      [true, { text, signature: good, certificates: [two.certificate, one.certificate] }],
      [
        true,
        {
          text,
          signature: signText(text, two.key),
          certificates: [one.certificate, two.certificate, three.certificate],
        },
      ],
      // The old key is taken out.
      [false, { text, signature: good, certificates: [two.certificate] }],
      [false, { text, signature: good, certificates: [] }],
      [false, { text, signature: '', certificates: [one.certificate] }],
      [false, { text: `${text} `, signature: good, certificates: [one.certificate] }],
      [false, { text: text.replace(': ', ':'), signature: good, certificates: [one.certificate] }],
      [false, { text, signature: signText(text, three.key), certificates: [one.certificate] }],
      [false, { text, signature: good.slice(4), certificates: [one.certificate] }],
      [false, { text, signature: 'AAAA', certificates: [one.certificate] }],
    ];
    const expected = cases.map(([isGood]) => isGood);
    expect(cases.map(([, each]) => verifyOurs(each))).toEqual(expected);
    expect(
      runPython(
        python,
        PEER,
        cases.map(([, each]) => each),
      ),
    ).toEqual(expected);
  });

  it('agrees about texts and signatures with any change', () => {
    const change = fc.record({
      text: fc.oneof(fc.string({ unit: 'grapheme' }), fc.json()),
      flip: fc.option(fc.nat(127)),
      addition: fc.constantFrom('', '', ' ', '\n'),
    });
    const cases = fc.sample(change, { numRuns: 25, seed: 7 }).map(({ addition, flip, text }) => {
      const bytes = Buffer.from(signText(text, one.key), 'base64');
      if (flip !== null) bytes[flip] = (bytes[flip] ?? 0) ^ 1;
      const certificates = [two.certificate, one.certificate];
      return { text: text + addition, signature: bytes.toString('base64'), certificates };
    });
    expect(runPython(python, PEER, cases)).toEqual(cases.map(verifyOurs));
  });
});
