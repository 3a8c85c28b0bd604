/** A certificate authority of a test, and certificates that it signs. */
import { generateKeyPairSync, privateEncrypt } from 'node:crypto';
import forge from 'node-forge';

export interface KeyPair {
  readonly key: string;
  readonly certificate: string;
}

export interface Wish {
  readonly commonName: string;
  /** Names and addresses of a server. */
  readonly hosts?: readonly string[];
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  readonly email?: string;
  /** Written in hexadecimal. */
  readonly serial?: string;
}

const DAY_MS = 86_400_000;

export class TestAuthority {
  readonly certificate: string;
  readonly #key: Signer;
  readonly #subject: forge.pki.CertificateField[];
  #count = 1;

  constructor(name = 'Test Authority') {
    const { signer, publicKey } = nextKey();
    this.#key = signer;
    this.#subject = [{ name: 'commonName', value: name }];
    const certificate = create(publicKey, { commonName: name }, '01');
    certificate.setSubject(this.#subject);
    certificate.setIssuer(this.#subject);
    certificate.setExtensions([{ name: 'basicConstraints', cA: true, critical: true }]);
    certificate.sign(signer, forge.md.sha256.create());
    this.certificate = forge.pki.certificateToPem(certificate);
  }

  /** A key pair, signed by this authority. */
  issue(wish: Wish): KeyPair {
    const { key, publicKey } = nextKey();
    this.#count += 1;
    const certificate = create(publicKey, wish, wish.serial ?? this.#count.toString(16));
    certificate.setIssuer(this.#subject);
    const altNames = (wish.hosts ?? []).map((host) =>
      /^[\d.]+$|:/.test(host) ? { type: 7, ip: host } : { type: 2, value: host },
    );
    if (altNames.length > 0) certificate.setExtensions([{ name: 'subjectAltName', altNames }]);
    certificate.sign(this.#key, forge.md.sha256.create());
    return {
      key,
      certificate: forge.pki.certificateToPem(certificate),
    };
  }
}

/** Keys take long to make: certificates of a process share a few, each the next one. */
const KEY_COUNT = 4;
const keys: ReturnType<typeof createKey>[] = [];
let turn = 0;

function nextKey() {
  turn = (turn + 1) % KEY_COUNT;
  const key = keys[turn] ?? createKey();
  keys[turn] = key;
  return key;
}

/** What forge wants of a key that signs. */
type Signer = forge.pki.rsa.PrivateKey;

/** DigestInfo of SHA-256 before the digest itself (RFC 8017 9.2). */
const SHA256_INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex');

function createKey() {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  // OpenSSL signs in a hundredth of the time.
  const sign = (md: forge.md.MessageDigest): string => {
    const info = Buffer.concat([SHA256_INFO, Buffer.from(md.digest().getBytes(), 'latin1')]);
    return privateEncrypt(privateKey, info).toString('latin1');
  };
  return {
    key: privateKey,
    publicKey: forge.pki.publicKeyFromPem(publicKey),
    signer: { sign } as Signer,
  };
}

function create(publicKey: forge.pki.rsa.PublicKey, wish: Wish, serial: string) {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = publicKey;
  certificate.serialNumber = serial.padStart(serial.length + (serial.length % 2), '0');
  certificate.validity.notBefore = new Date(wish.notBeforeMs ?? Date.now() - DAY_MS);
  certificate.validity.notAfter = new Date(wish.notAfterMs ?? Date.now() + 365 * DAY_MS);
  certificate.setSubject([
    { name: 'countryName', value: 'FR' },
    { name: 'commonName', value: wish.commonName },
    ...(wish.email === undefined ? [] : [{ name: 'emailAddress', value: wish.email }]),
  ]);
  return certificate;
}
