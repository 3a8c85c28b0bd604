/** Handler of `slapos node report`. */
import { withToldStates } from '../../instance/told-states.ts';
import { runReport } from '../../report/run-report.ts';
import type { CommandContext } from '../command.ts';
import { withAwayStatus } from './away-status.ts';
import { runServiceCommand } from './grid-command.ts';

export function run(context: CommandContext): Promise<number> {
  return withAwayStatus(context, () =>
    runServiceCommand(context, 'report', (grid, openSupervisor) =>
      withToldStates(grid, (telling) => runReport(telling, openSupervisor)),
    ),
  );
}
