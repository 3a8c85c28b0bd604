/** The list of this machine beside Node's: what is in it, and who goes by it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, rootCertificates } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { readTrustedAuthorities } from '../../../../src/host/network/trusted-authorities.ts';
import { exchange, PATIENCE } from '../../../../src/networkcache/http.ts';
import { contactServer, sendOnce } from '../../../../src/register/web-client.ts';
import { createSlapClient } from '../../../../src/slap/slap-client.ts';
import { TestAuthority } from '../../../support/test-authority.ts';

const company = new TestAuthority('Company');
const stranger = new TestAuthority('Stranger');
let folder: string;
let server: Server;
let url: string;
let connections: number;
let heard: string[];
const file = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-authorities-'));
  // Such as update-ca-certificates(8) writes: one after the other.
  writeFileSync(
    file('system.pem'),
    rootCertificates.slice(0, 3).concat(company.certificate).join('\n'),
  );
  writeFileSync(file('stranger.pem'), stranger.certificate);
  const own = company.issue({ commonName: 'master', hosts: ['127.0.0.1'] });
  const answer = (request: IncomingMessage, body = '') => {
    heard.push(`${request.method} ${request.url}`);
    return body;
  };
  server = createServer({ key: own.key, cert: own.certificate }, (request, response) => {
    request.resume().on('end', () => response.end(answer(request, 'http://hateoas/')));
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  connections = 0;
  heard = [];
  vi.stubEnv('NODE_EXTRA_CA_CERTS', '');
  vi.stubEnv('SSL_CERT_FILE', file('system.pem'));
});
afterEach(() => vi.unstubAllEnvs());

describe('the list', () => {
  test("is Node's, the system's and what NODE_EXTRA_CA_CERTS names", async () => {
    const env = { SSL_CERT_FILE: file('system.pem'), NODE_EXTRA_CA_CERTS: file('stranger.pem') };
    const list = await readTrustedAuthorities(env);
    expect(list?.slice(0, rootCertificates.length)).toEqual(rootCertificates);
    expect(list?.slice(rootCertificates.length).join('')).toContain(company.certificate);
    expect(list?.at(-1)).toBe(stranger.certificate);
  });

  test('leaves Node’s list out where the operator goes by the list of OpenSSL alone', async () => {
    const env = { SSL_CERT_FILE: file('system.pem'), NODE_OPTIONS: '--use-openssl-ca' };
    expect(await readTrustedAuthorities(env)).toHaveLength(1);
  });

  test('is left to Node where the system has none', async () => {
    const env = { SSL_CERT_FILE: file('none'), NODE_EXTRA_CA_CERTS: file('stranger.pem') };
    expect(await readTrustedAuthorities(env)).toBeUndefined();
  });

  test('does without a file of NODE_EXTRA_CA_CERTS that cannot be read, as Node does', async () => {
    const env = { SSL_CERT_FILE: file('system.pem'), NODE_EXTRA_CA_CERTS: file('none') };
    const list = await readTrustedAuthorities(env);
    expect(() => createSecureContext({ ca: list ?? [] })).not.toThrow();
  });
});

describe('a Master', () => {
  const ask = async (caFile?: string) => {
    const master = createSlapClient({ masterUrl: url, caFile });
    return master.getHateoasUrl().finally(() => master.close());
  };

  test('that the system vouches for is believed; its list is read when Node does not know it', async () => {
    expect(await ask()).toBe('http://hateoas/');
    expect([connections, heard]).toEqual([2, ['GET /getHateoasUrl']]);
  });

  test('is asked for many things at once, and each is sent once', async () => {
    const master = createSlapClient({ masterUrl: url });
    const answers = await Promise.all(Array.from({ length: 5 }, () => master.getHateoasUrl()));
    const before = connections;
    await master.getHateoasUrl();
    await master.close();
    expect(answers).toEqual(Array(5).fill('http://hateoas/'));
    expect([heard.length, connections - before]).toEqual([6, 0]);
  });

  test('that nobody vouches for is refused, and hears nothing', async () => {
    vi.stubEnv('SSL_CERT_FILE', file('stranger.pem'));
    await expect(ask()).rejects.toMatchObject({ context: { isCertificateRefused: true } });
    expect([connections, heard]).toEqual([2, []]);
  });

  test('with an authority that is configured is held to that one', async () => {
    await expect(ask(file('stranger.pem'))).rejects.toMatchObject({
      context: { isCertificateRefused: true },
    });
    expect([connections, heard]).toEqual([1, []]);
  });
});

describe('a registration site', () => {
  const trust = { authorities: undefined, isInsecure: false };
  const request = { method: 'POST', url: '', body: 'title=n' } as const;

  test('that the system vouches for gets the request', async () => {
    await contactServer(url, trust);
    expect((await sendOnce({ ...request, url }, {}, trust)).status).toBe(200);
    expect(heard).toEqual(['POST /']);
  });

  test('is refused where the system does not, or another authority is named', async () => {
    const held = { ...trust, authorities: stranger.certificate };
    await expect(contactServer(url, held)).rejects.toThrow('is not trusted');
    vi.stubEnv('SSL_CERT_FILE', file('stranger.pem'));
    await expect(contactServer(url, trust)).rejects.toThrow('is not trusted');
    await expect(sendOnce({ ...request, url }, {}, trust)).rejects.toThrow('is not trusted');
    expect(heard).toEqual([]);
  });
});

test('a network cache that the system vouches for is asked', async () => {
  const { signal } = new AbortController();
  const common = { method: 'GET', url: `${url}/k`, tls: {}, signal, patience: PATIENCE } as const;
  const answer = await exchange(common);
  answer.drop();
  expect([answer.status, heard]).toEqual([200, ['GET /k']]);
  vi.stubEnv('SSL_CERT_FILE', file('stranger.pem'));
  await expect(exchange(common)).rejects.toMatchObject({ code: 'SLAPOS_ERR_CACHE' });
});
