import { createAccounts } from './account.ts';
import { createHostFiles } from './folder/host-files.ts';
import type { Host } from './host.ts';
import { createNetwork } from './netlink.ts';
import { createSysctl } from './network/sysctl.ts';
import { createTaps } from './tuntap.ts';
import { lookUpNames } from './user/name-service.ts';

/**
 * The machine that this process runs on. The addon is loaded when something first needs it.
 */
export function createHost(): Host {
  return {
    network: createNetwork(),
    taps: createTaps(),
    accounts: { ...createAccounts(), lookUp: (query) => lookUpNames(query) },
    files: createHostFiles(),
    sysctl: createSysctl(),
  };
}
