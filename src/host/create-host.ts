import { createAccounts } from './account.ts';
import type { Host } from './host.ts';
import { createHostFiles } from './host-files.ts';
import { lookUpNames } from './name-service.ts';
import { createNetwork } from './netlink.ts';
import { createSysctl } from './sysctl.ts';
import { createTaps } from './tuntap.ts';

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
