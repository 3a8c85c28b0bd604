/** Handler of `slapos node instance`. */
import { runInstance } from '../../instance/run-instance.ts';
import type { CommandContext } from '../command.ts';
import { runGridCommand } from './grid-command.ts';
import { keepFirewallPrograms } from './grid-plugins.ts';

export function run(context: CommandContext): Promise<number> {
  return runGridCommand(context, 'instance', async (grid, openSupervisor) => {
    // Even when nothing changes the services must have their supervisor back after a reboot.
    const isChanged = await keepFirewallPrograms(context, grid);
    if (!grid.options.isSupervisorLaunchForbidden) {
      const supervisor = await openSupervisor();
      if (isChanged) await supervisor.update();
    }
    return runInstance(grid, openSupervisor);
  });
}
