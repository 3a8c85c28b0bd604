/** The managers by name; each has its own file here. */
import type { FirewallSettings } from '../config/firewall-settings.ts';
import type { ManagerName, ManagerSettings } from '../config/manager-settings.ts';
import type { Manager } from '../grid/manager.ts';
import type { InTurn } from '../grid/queue.ts';
import type { HostFiles } from '../host/host.ts';
import type { ServiceSupervisor } from '../instance/service-supervisor.ts';
import { createCpusetManager } from './cpuset.ts';
import { createDevpermManager } from './devperm.ts';
import { createPortredirManager } from './portredir.ts';
import { createPrermManager } from './prerm.ts';
import { createWhitelistFirewallManager } from './whitelist-firewall.ts';

/** What managers are made of. */
export interface ManagerParts {
  readonly settings: ManagerSettings;
  /** undefined without section [firewall]. */
  readonly firewall: FirewallSettings | undefined;
  /** Whoever changes the firewall waits for the others here. */
  readonly inTurn: InTurn;
  readonly files: HostFiles;
  openSupervisor(): Promise<ServiceSupervisor>;
}

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
