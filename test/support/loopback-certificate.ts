/** A certificate that signs itself, for 127.0.0.1 and `inner.example`, valid today. */
import forge from 'node-forge';

const DAY_MS = 86_400_000;

/**
 * @param ip the address that it is for
 * @param startDays days from now on which it becomes valid; it is for two days
 */
export function createLoopbackCertificate(commonName: string, ip = '127.0.0.1', startDays = -1) {
  const keys = forge.pki.rsa.generateKeyPair(2048);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = keys.publicKey;
  certificate.serialNumber = '01';
  certificate.validity.notBefore = new Date(Date.now() + startDays * DAY_MS);
  certificate.validity.notAfter = new Date(Date.now() + (startDays + 2) * DAY_MS);
  const name = [{ name: 'commonName', value: commonName }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: true },
    {
      name: 'subjectAltName',
      altNames: [
        { type: 7, ip },
        { type: 2, value: 'inner.example' },
      ],
    },
  ]);
  certificate.sign(keys.privateKey, forge.md.sha256.create());
  const key = forge.pki.privateKeyToPem(keys.privateKey);
  return { key, certificate: forge.pki.certificateToPem(certificate) };
}
