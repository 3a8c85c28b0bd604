/** `--away-exits-3` of `node software` and `node report`: an absent Master is no failure of theirs. */
import { errorCode, errorMessage, isSlaposError, MasterError } from '../../errors/slapos-error.ts';
import type { CommandContext } from '../command.ts';
import { EXIT } from '../exit-code.ts';

/**
 * Runs a pass. With the option, the error of a Master that cannot be reached ends the command as it
 * ends `node instance`, so that systemd can tell it from a release that does not build.
 * @throws what the pass throws
 */
export async function withAwayStatus(
  { options }: CommandContext,
  pass: () => Promise<number>,
): Promise<number> {
  try {
    return await pass();
  } catch (error) {
    const isAway = errorCode(error) === 'SLAPOS_ERR_MASTER_UNAVAILABLE';
    if (options['away_exits_3'] !== true || !isAway) throw error;
    throw new MasterError('SLAPOS_ERR_MASTER_UNAVAILABLE', errorMessage(error), {
      ...(isSlaposError(error) && error.hint !== undefined ? { hint: error.hint } : {}),
      cause: error,
      exitCode: EXIT.offline,
    });
  }
}
