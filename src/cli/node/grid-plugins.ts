/** What a configuration adds to the grid commands: the firewall and the managers. */
import { readFirewallSettings } from '../../config/firewall-settings.ts';
import type { GridContext } from '../../grid/context.ts';
import type { Firewall } from '../../grid/firewall.ts';
import type { CommandContext } from '../command.ts';

/** undefined without section [firewall]; its code is loaded only then. */
export async function openFirewall({ config }: CommandContext): Promise<Firewall | undefined> {
  const settings = readFirewallSettings(config);
  if (settings === undefined) return undefined;
  const { createFirewall } = await import('../../firewall/create-firewall.ts');
  return createFirewall(settings);
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
