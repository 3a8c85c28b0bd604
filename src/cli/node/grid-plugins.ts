/** What a configuration adds to the grid commands: the firewall and the managers. */
import { readFirewallSettings } from '../../config/firewall-settings.ts';
import { readManagerSettings } from '../../config/manager-settings.ts';
import type { GridContext } from '../../grid/context.ts';
import { createQueue } from '../../grid/queue.ts';
import { createHostFiles } from '../../host/folder/host-files.ts';
import type { ServiceSupervisor } from '../../instance/service-supervisor.ts';
import type { CommandContext } from '../command.ts';

/**
 * The code of the firewall and of the managers is loaded only where the configuration names them.
 * @throws ConfigError for a manager that does not exist, or a command that is none.
 */
export async function openPlugins(
  { config }: CommandContext,
  openSupervisor: () => Promise<ServiceSupervisor>,
): Promise<Pick<GridContext, 'firewall' | 'managers'>> {
  const firewall = readFirewallSettings(config);
  const settings = readManagerSettings(config);
  const inTurn = createQueue();
  const parts = { settings, firewall, inTurn, files: createHostFiles(), openSupervisor };
  return {
    firewall:
      firewall === undefined
        ? undefined
        : (await import('../../firewall/create-firewall.ts')).createFirewall(firewall, inTurn),
    managers:
      settings.names.length === 0
        ? []
        : (await import('../../manager/registry.ts')).createManagers(parts),
  };
}

/**
 * Makes firewall and message bus services of the node when the configuration asks for it.
 * @returns whether the supervisor has to look at its files again.
 */
export async function keepFirewallPrograms(
  { config }: CommandContext,
  { host, options }: GridContext,
): Promise<boolean> {
  const { writeFirewallPrograms } = await import('../../firewall/programs.ts');
  const settings = readFirewallSettings(config);
  return writeFirewallPrograms(host, options.instanceRoot, settings);
}
