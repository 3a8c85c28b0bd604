/** Certificates of server and client over real TLS on loopback. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { SlapClientOptions } from '../../../src/slap/connection.ts';
import { Slap, type SlapOptions } from '../../../src/slap/slap.ts';
import { createSlapClient } from '../../../src/slap/slap-client.ts';
import { createLoopbackCertificate } from '../../support/loopback-certificate.ts';

let folder: string;
let server: Server;
let masterUrl: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-tls-'));
  const master = createLoopbackCertificate('127.0.0.1');
  const node = createLoopbackCertificate('COMP-1');
  writeFileSync(join(folder, 'ca.pem'), master.certificate);
  writeFileSync(join(folder, 'node.key'), node.key);
  writeFileSync(join(folder, 'node.crt'), node.certificate);
  const options = {
    key: master.key,
    cert: master.certificate,
    requestCert: true,
    rejectUnauthorized: false,
  };
  server = createServer(options, (request, response) => {
    const peer = (request.socket as TLSSocket).getPeerCertificate();
    const url = `http://${peer.subject?.CN ?? 'nobody'}/`;
    response.end(request.method === 'GET' ? url : JSON.stringify({ hateoas_url: url }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  masterUrl = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

async function askWho(options: Omit<SlapClientOptions, 'masterUrl'>): Promise<string | null> {
  const master = createSlapClient({ masterUrl, ...options });
  try {
    return await master.getHateoasUrl();
  } finally {
    await master.close();
  }
}

test('a certificate that nobody signed is refused', async () => {
  await expect(askWho({})).rejects.toMatchObject({
    code: 'SLAPOS_ERR_MASTER_UNAVAILABLE',
    message: expect.stringMatching(/self-signed certificate/),
    hint: expect.stringContaining('master_ca_file'),
  });
});

test('its authority is accepted, and the client shows who it is', async () => {
  const files = {
    caFile: join(folder, 'ca.pem'),
    keyFile: join(folder, 'node.key'),
    certFile: join(folder, 'node.crt'),
  };
  expect(await askWho(files)).toBe('http://COMP-1/');
});

test('verification can be turned off', async () => {
  expect(await askWho({ isTlsVerified: false })).toBe('http://nobody/');
});

describe('the library', () => {
  async function ask(options: Omit<SlapOptions, 'masterUrl'>): Promise<string | null> {
    const retries = { maxRetries: 5, minDelayMs: 1, maxDelayMs: 1 };
    const slap = new Slap({ masterUrl, retries, ...options });
    return slap.getHateoasUrl().finally(() => slap.close());
  }

  test.each([undefined, true, null, 0, ''])('verifies with isTlsVerified = %s', async (value) => {
    // No list of the system, which would be tried too.
    vi.stubEnv('SSL_CERT_FILE', join(folder, 'none.pem'));
    let connections = 0;
    const count = () => {
      connections += 1;
    };
    server.on('connection', count);
    const isTlsVerified = value as boolean;
    await expect(ask({ isTlsVerified })).rejects.toMatchObject({
      code: 'SLAPOS_ERR_MASTER_UNAVAILABLE',
      context: { isCertificateRefused: true },
    });
    server.off('connection', count);
    // A certificate does not get better by asking again.
    expect(connections).toBe(1);
    vi.unstubAllEnvs();
  });

  test.each(['xml', 'json-rpc'] as const)('shows its certificate over %s', async (transport) => {
    const files = {
      caFile: join(folder, 'ca.pem'),
      keyFile: join(folder, 'node.key'),
      certFile: join(folder, 'node.crt'),
    };
    expect(await ask({ transport, ...files })).toBe('http://COMP-1/');
    expect(await ask({ transport, isTlsVerified: false })).toBe('http://nobody/');
  });

  test('names the file that it cannot read', async () => {
    await expect(ask({ caFile: join(folder, 'none.pem') })).rejects.toMatchObject({
      code: 'SLAPOS_ERR_CONFIG_FILE',
      message: expect.stringContaining('none.pem'),
    });
  });
});
