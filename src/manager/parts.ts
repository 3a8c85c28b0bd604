import type { FirewallSettings } from '../config/firewall-settings.ts';
import type { ManagerSettings } from '../config/manager-settings.ts';
import type { InTurn } from '../grid/queue.ts';
import type { HostFiles } from '../host/host.ts';
import type { ServiceSupervisor } from '../instance/service-supervisor.ts';

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
