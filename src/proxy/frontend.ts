/**
 * Two frontends that no proxy can serve and that common software asks for: it is answered with the
 * address that the frontend would lead to (spec/proxy.md 7.5).
 */
import { MarshalObject, type MarshalValue } from '../slap/marshal-value.ts';
import type { Dictionary } from './form.ts';
import type { WantedInstance } from './request-form.ts';

const APACHE =
  'http://git.erp5.org/gitweb/slapos.git/blob_plain/HEAD:/software/apache-frontend/software.cfg';
const KVM =
  'http://git.erp5.org/gitweb/slapos.git/blob_plain/refs/tags/slapos-0.92:/software/kvm/software.cfg';
const APACHE_TYPES = new Set(['', 'RootSoftwareInstance', 'default']);

/** Scheme, network location, path, query and fragment of an absolute URL, as Python splits it. */
const URL_PARTS = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/i;

/**
 * The answer to a request for such a frontend, null for any other. Nothing is stored.
 * @param baseUrl the proxy as its client sees it
 */
export function renderFrontend(wanted: WantedInstance, baseUrl: string): MarshalObject | null {
  if (!wanted.isShared) return null;
  const { softwareRelease, softwareType, parameters } = wanted;
  if (softwareRelease === APACHE && APACHE_TYPES.has(softwareType)) {
    const url = textOf(parameters['url']);
    return url === '' ? null : renderApache(url, baseUrl);
  }
  if (softwareRelease !== KVM || softwareType !== 'frontend') return null;
  const { host, port = null } = parameters;
  const isComplete = textOf(host) !== '' && textOf(port) !== '';
  return isComplete ? renderKvm(textOf(host), port) : null;
}

function textOf(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return typeof value === 'string' ? value : '';
}

/** Who came by https must not be led to plain http: the HTTP proxy of this server is between. */
function renderApache(url: string, baseUrl: string): MarshalObject {
  const [, scheme = '', place = '', path = '', query = '', fragment = ''] =
    URL_PARTS.exec(url) ?? [];
  const isSecure = baseUrl.startsWith('https:') && scheme !== '';
  const inner = `${baseUrl}http_proxy/${scheme}/${quote(place)}${quote(path)}${query}${fragment}`;
  const access = isSecure ? inner : url;
  const domain = URL_PARTS.exec(access)?.[2] ?? '';
  return renderFake(`Fake frontend for ${url}`, { secure_access: access, domain });
}

/** Percent-encodes what may not stand in a path; colons and escapes stay. */
function quote(text: string): string {
  return encodeURI(text).replaceAll('%25', '%').replaceAll('[', '%5B').replaceAll(']', '%5D');
}

/** @param port given back as it came, a number too */
function renderKvm(host: string, port: MarshalValue): MarshalObject {
  const domainname = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  const url = `https://${domainname}:${textOf(port)}/`;
  return renderFake(`Fake KVM VNC frontend for ${url}`, { url, domainname, port, path: '/' });
}

function renderFake(partitionId: string, connection: Dictionary): MarshalObject {
  return new MarshalObject('ComputerPartition', ['', partitionId, null], {
    _computer_id: '',
    _connection_dict: connection,
    _parameter_dict: {},
    _partition_id: partitionId,
    _request_dict: null,
    slap_computer_id: '',
    slap_computer_partition_id: '',
  });
}
