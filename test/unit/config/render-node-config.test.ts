import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/read.ts';
import { renderNodeConfig, renderProxyConfig } from '../../../src/config/render-node-config.ts';

const NODE = {
  computerId: 'local_computer',
  masterUrl: 'http://127.0.0.1:8080',
  softwareRoot: '/opt/slapgrid',
  instanceRoot: '/srv/slapgrid',
  interfaceName: 'br0',
  ipv4LocalNetwork: '10.0.0.0/16',
  partitionAmount: 20,
  createTap: 'false' as const,
  home: '/opt/slapos',
};

describe('slapos.cfg', () => {
  const config = parseConfig(renderNodeConfig(NODE), 'slapos.cfg');

  it('has the sections and keys of the template in order', () => {
    expect(config.sections()).toEqual([
      'slapos',
      'slapformat',
      'disabled-firewall',
      'networkcache',
      'collect',
    ]);
    expect([...config.items('slapos')]).toEqual([
      ['computer_id', 'local_computer'],
      ['master_url', 'http://127.0.0.1:8080'],
      ['software_root', '/opt/slapgrid'],
      ['instance_root', '/srv/slapgrid'],
    ]);
    expect(config.get('slapformat', 'computer_xml')).toBe('/opt/slapos/slapos.xml');
    expect(config.get('slapformat', 'create_tap')).toBe('false');
    expect(config.get('disabled-firewall', 'authorized_sources')).toBe('');
  });

  it('trusts five signers, each a certificate that can be read', () => {
    const list = config.get('networkcache', 'signature-certificate-list') ?? '';
    const blocks = list.match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
    expect(blocks.map((pem) => new X509Certificate(pem).subject)).toEqual(
      ['tsxdev3', 'x61s', 'COMP-232', 'COMP-772', 'local_computer'].map((name) => `CN=${name}`),
    );
  });

  it('keeps moving branches away from the binary cache', () => {
    for (const way of ['download-from', 'upload-to']) {
      const list = config.get('networkcache', `${way}-binary-cache-url-blacklist`) ?? '';
      expect(list.trim().split('\n')).toHaveLength(21);
    }
  });

  it('names the certificate of a registered node, whatever its path', () => {
    const certificates = { keyFile: '/50%/key', certFile: '/c', repositoryPath: '/r' };
    const registered = parseConfig(renderNodeConfig({ ...NODE, certificates }), 'slapos.cfg');
    expect(registered.get('slapos', 'key_file')).toBe('/50%/key');
    expect(registered.get('slapos', 'certificate_repository_path')).toBe('/r');
  });
});

describe('slapos-proxy.cfg', () => {
  const values = {
    ...NODE,
    host: '127.0.0.1',
    port: 8080,
    databaseUri: '/opt/slapos/slapproxy.db',
  };

  it('tells the proxy where it lives', () => {
    const config = parseConfig(renderProxyConfig(values), 'slapos-proxy.cfg');
    expect(config.sections()).toEqual(['slapos', 'slapproxy']);
    expect(config.get('slapproxy', 'port')).toBe('8080');
    expect(config.get('slapproxy', 'shacache-content-directory')).toBeUndefined();
    expect(config.get('slapproxy', 'software_product_list')?.trim().split('\n')).toHaveLength(7);
  });

  it('turns the caching proxy on when asked', () => {
    const text = renderProxyConfig({ ...values, shacacheFolder: '/srv/slapgrid/shacache' });
    const config = parseConfig(text, 'slapos-proxy.cfg');
    expect(config.get('slapproxy', 'shacache-signing-key-path')).toBe(
      '/srv/slapgrid/shacache/signing-key.pem',
    );
  });
});
