/** Handler of `slapos node instance`. */
import { runInstance } from '../../instance/run-instance.ts';
import type { CommandContext } from '../command.ts';
import { runGridCommand } from './grid-command.ts';

export function run(context: CommandContext): Promise<number> {
  return runGridCommand(context, 'instance', async (grid, openSupervisor) => {
    // Even when nothing changes the services must have their supervisor back after a reboot.
    if (!grid.options.isSupervisorLaunchForbidden) await openSupervisor();
    return runInstance(grid, openSupervisor);
  });
}
