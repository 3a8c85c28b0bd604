import forge from 'node-forge';

/** A private key and a certificate of it, as PEM, of the size that the public cache has. */
export function createSigner(name = 'signer') {
  const { privateKey, publicKey } = forge.pki.rsa.generateKeyPair(1024);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = publicKey;
  certificate.serialNumber = '01';
  const attributes = [{ name: 'commonName', value: name }];
  certificate.setSubject(attributes);
  certificate.setIssuer(attributes);
  // Long over: nobody looks.
  certificate.validity.notBefore = new Date('2011-01-01');
  certificate.validity.notAfter = new Date('2012-01-01');
  certificate.sign(privateKey, forge.md.sha256.create());
  return {
    key: forge.pki.privateKeyToPem(privateKey),
    certificate: forge.pki.certificateToPem(certificate).replaceAll('\r', '').trim(),
  };
}
