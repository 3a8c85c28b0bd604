// Bill of materials: CycloneDX 1.5 in JSON (https://cyclonedx.org/docs/1.5/json/). The same
// package gives the same text.
import { createHash } from 'node:crypto';

/** A version 4 style UUID made of what the bill lists. */
function serialNumber(text) {
  const hex = createHash('sha256').update(text).digest('hex');
  const variant = ((Number.parseInt(hex[16], 16) & 3) | 8).toString(16);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`];
  return `urn:uuid:${[...parts, `${variant}${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-')}`;
}

/** A compound expression and a single identifier stand in different places. */
function licences(licence) {
  if (licence === undefined || licence === 'unknown') return {};
  if (/ (OR|AND|WITH) /.test(licence)) return { licenses: [{ expression: licence }] };
  return { licenses: [{ license: { id: licence } }] };
}

/** npm's `sha512-BASE64`. */
function hashes(integrity) {
  if (integrity === undefined) return {};
  const content = Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex');
  return { hashes: [{ alg: 'SHA-512', content }] };
}

function component({ name, version, licence, purl, integrity }) {
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    purl,
    ...licences(licence),
    ...hashes(integrity),
  };
}

/**
 * @param subject name, version and purl of the package itself
 * @param dateS when it was made, seconds since 1970
 */
export function renderSbom(subject, components, dateS) {
  const listed = components.map(component);
  const main = {
    type: 'application',
    'bom-ref': subject.purl,
    ...subject,
    ...licences('GPL-3.0-or-later'),
  };
  const bom = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    serialNumber: serialNumber(JSON.stringify([main, listed])),
    version: 1,
    metadata: { timestamp: new Date(dateS * 1000).toISOString(), component: main },
    components: listed,
    dependencies: [{ ref: subject.purl, dependsOn: listed.map((each) => each['bom-ref']) }],
  };
  return `${JSON.stringify(bom, null, 2)}\n`;
}
