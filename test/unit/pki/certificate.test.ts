/** Certificates as Masters make them, of every kind of key, and texts that are none. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isKeyOf, parseCertificate } from '../../../src/pki/certificate.ts';
import { findComputerId } from '../../../src/register/computer-id.ts';
import { TestAuthority } from '../../support/test-authority.ts';

const authority = new TestAuthority();
const dates = { notBeforeMs: Date.UTC(2026, 0, 1), notAfterMs: Date.UTC(2061, 5, 1) };
const pair = authority.issue({ commonName: 'COMP-77', email: 'a@b', ...dates });

test('names and dates', () => {
  expect(parseCertificate(`Certificate:\n  Data\n${pair.certificate}`)).toEqual({
    commonName: 'COMP-77',
    subject: 'C=FR, CN=COMP-77, emailAddress=a@b',
    issuer: 'CN=Test Authority',
    ...dates,
  });
});

test('whose key it is', () => {
  expect(isKeyOf(pair.key, pair.certificate)).toBe(true);
  expect(isKeyOf(authority.issue({ commonName: 'x' }).key, pair.certificate)).toBe(false);
  expect(() => isKeyOf('no key', pair.certificate)).toThrow('cannot be read');
});

test('a key that is not RSA', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slapos-pki-'));
  try {
    const [key, certificate] = ['key', 'crt'].map((name) => join(folder, name)) as [string, string];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const name = ['-subj', '/CN=CERTLOGIN-1-é-COMP-9', '-utf8'];
    const words = ['req', '-x509', ...kind, ...name, '-keyout', key, '-out', certificate];
    execFileSync('openssl', words, { stdio: 'ignore' });
    const [keyText, text] = [key, certificate].map((path) => readFileSync(path, 'utf8')) as [
      string,
      string,
    ];
    expect(parseCertificate(text).commonName).toBe('CERTLOGIN-1-é-COMP-9');
    expect(isKeyOf(keyText, text)).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each([
  ['nothing', ''],
  ['a page', '<html>'],
  ['no base64', '-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----'],
  ['another structure', '-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----'],
  ['cut', pair.certificate.replace(/[^-]{90}(?=-----END)/, '')],
  [
    'deep',
    `-----BEGIN CERTIFICATE-----\n${Buffer.alloc(30_000, '3080', 'hex').toString('base64')}\n-----END CERTIFICATE-----`,
  ],
])('%s is refused', (_name, text) => {
  expect(() => parseCertificate(text)).toThrow(
    expect.objectContaining({ code: 'SLAPOS_ERR_CERTIFICATE' }),
  );
});

test('the id of a computer', () => {
  const plain = authority.issue({ commonName: 'CERTLOGIN-1-x7' }).certificate;
  const old = `Subject: C = FR, CN = COMP-77, emailAddress = a@b\n${plain}`;
  expect(findComputerId(pair.certificate, undefined)).toBe('COMP-77');
  expect(findComputerId(old, undefined)).toBe('COMP-77');
  expect(findComputerId(plain, 'TIO-5')).toBe('TIO-5');
  expect(findComputerId(old, 'a\nb')).toBe('COMP-77');
  expect(() => findComputerId(plain, undefined)).toThrow('names the computer');
  expect(() => findComputerId(pair.certificate, 'COMP-7')).toThrow('is of COMP-77');
});
