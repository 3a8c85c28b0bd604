/** Whether an address leads to this proxy itself. */
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { FastifyInstance } from 'fastify';
import { isIpv4, isLoopback, isNowhere, parseAddress } from './address-class.ts';

/** The proxies of this process that are open, by run id. */
const servers = new Map<string, FastifyInstance>();

/** Lets {@link isListeningOn} and {@link leadsTo} know a proxy until it closes. */
export function rememberServer(runId: string, app: FastifyInstance): void {
  servers.set(runId, app);
  app.addHook('onClose', async () => {
    servers.delete(runId);
  });
}

/** Whether the proxy listens on a port at all. */
export function isListeningOn(runId: string, port: number): boolean {
  return addressesOf(runId).some((own) => own.port === port);
}

/** Whether the proxy is at the other end of an address of this machine. */
export function leadsTo(runId: string, address: bigint, port: number): boolean {
  return addressesOf(runId).some((own) => {
    if (own.port !== port) return false;
    const listening = parseAddress(own.address);
    if (listening === null) return isLocal(address);
    if (!isNowhere(listening)) return listening === address;
    // An unspecified address is every address of this machine; 0.0.0.0 those of IPv4 only.
    return isLocal(address) && (isIpv4(address) || !isIpv4(listening));
  });
}

function addressesOf(runId: string): readonly AddressInfo[] {
  return (servers.get(runId)?.addresses() ?? []) as AddressInfo[];
}

function isLocal(address: bigint): boolean {
  if (isLoopback(address)) return true;
  const interfaces = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return interfaces.some((own) => parseAddress(own.address) === address);
}
