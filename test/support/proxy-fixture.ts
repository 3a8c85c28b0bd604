/** A real proxy on loopback with a real database: a file in a temporary folder, or a server's. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../src/log/logger.ts';
import { createProxyServer, type ProxyServerOptions } from '../../src/proxy/server.ts';
import { encodeMarshal } from '../../src/slap/marshal.ts';
import type { MarshalValue } from '../../src/slap/marshal-value.ts';
import type { InstanceRequest } from '../../src/slap/master.ts';
import { createSlapClient } from '../../src/slap/slap-client.ts';
import { openTestStore, retireStore } from './test-store.ts';

export const SOFTWARE = 'https://example.com/software.cfg';

export async function startProxy(options: Partial<ProxyServerOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'slapos-proxy-'));
  const { database, store } = await openTestStore(folder);
  const products = new Map([['kvm', 'https://example.com/kvm.cfg']]);
  const server = createProxyServer({
    store,
    log: silentLogger,
    defaultComputerId: 'COMP-1',
    products,
    ...options,
  });
  const url = `${await server.listen('127.0.0.1', 0)}/`;
  const master = createSlapClient({ masterUrl: url });
  return {
    url,
    folder,
    database,
    store,
    master,
    async close() {
      await master.close();
      await server.close();
      await retireStore(database);
      rmSync(folder, { recursive: true });
    },
  };
}

export type ProxyFixture = Awaited<ReturnType<typeof startProxy>>;

/** The document of `loadComputerConfigurationFromXML` for partitions slappart0, slappart1… */
export function computerDocument(partitionCount: number, reference = 'COMP-1'): string {
  return encodeMarshal({
    reference,
    address: '10.0.0.1',
    netmask: '255.255.255.0',
    partition_list: Array.from({ length: partitionCount }, (_, index) => ({
      reference: `slappart${index}`,
      address_list: [
        { addr: `10.0.1.${index}`, netmask: '255.255.255.255' },
        { addr: `fd00::${index}`, netmask: 'ffff:ffff::' },
      ],
      tap: { name: index === 2 ? '' : `tap${index}` },
    })),
  });
}

export function instanceRequest(
  title: string,
  changes: Partial<InstanceRequest> = {},
): InstanceRequest {
  return {
    softwareRelease: SOFTWARE,
    softwareType: 'default',
    title,
    parameters: {},
    filter: {},
    state: null,
    isShared: false,
    ...changes,
  };
}

/** Posts a form and returns status and text. */
export async function postForm(url: string, fields: Readonly<Record<string, string>>) {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(fields) });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

/** The fields of `requestComputerPartition`, for requests that the client would not send. */
export function requestFields(fields: Readonly<Record<string, MarshalValue | undefined>>) {
  const marshalled = new Set(['partition_parameter_xml', 'filter_xml', 'state', 'shared_xml']);
  const all: Record<string, MarshalValue | undefined> = {
    software_release: SOFTWARE,
    software_type: 'default',
    partition_reference: 'r',
    partition_parameter_xml: {},
    filter_xml: {},
    state: null,
    shared_xml: false,
    ...fields,
  };
  const entries = Object.entries(all).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      marshalled.has(name) ? encodeMarshal(value as MarshalValue) : String(value),
    ]),
  );
}
