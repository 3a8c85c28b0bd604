/** The managers by name; each has its own file here. */
import type { ManagerName } from '../config/manager-settings.ts';
import type { Manager } from '../grid/context.ts';
import { createCpusetManager } from './cpuset.ts';
import { createDevpermManager } from './devperm.ts';
import type { ManagerParts } from './parts.ts';
import { createPortredirManager } from './portredir.ts';
import { createPrermManager } from './prerm.ts';
import { createWhitelistFirewallManager } from './whitelist-firewall.ts';

const MANAGERS: Readonly<Record<ManagerName, (parts: ManagerParts) => Manager>> = {
  cpuset: createCpusetManager,
  devperm: createDevpermManager,
  portredir: createPortredirManager,
  prerm: createPrermManager,
  whitelistfirewall: createWhitelistFirewallManager,
};

/** The managers of `manager_list`, in its order. */
export function createManagers(parts: ManagerParts): readonly Manager[] {
  return parts.settings.names.map((name) => MANAGERS[name](parts));
}
