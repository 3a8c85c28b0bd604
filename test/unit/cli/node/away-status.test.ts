import { describe, expect, it } from 'vitest';
import type { CommandContext } from '../../../../src/cli/command.ts';
import { exitCodeOf } from '../../../../src/cli/exit-code.ts';
import { withAwayStatus } from '../../../../src/cli/node/away-status.ts';
import { BuildError, MasterError } from '../../../../src/errors/slapos-error.ts';

const away = new MasterError('SLAPOS_ERR_MASTER_UNAVAILABLE', 'No answer.', { hint: 'Wait' });

function statusOf(options: Record<string, boolean>, pass: () => Promise<number>) {
  return withAwayStatus({ options } as unknown as CommandContext, pass).catch((error) => ({
    status: exitCodeOf(error),
    message: error.message,
    hint: error.hint,
  }));
}

describe('--away-exits-3', () => {
  it('changes the exit status of a Master that is away, and nothing that is said of it', async () => {
    const fails = () => Promise.reject(away);
    const said = { message: 'No answer.', hint: 'Wait' };
    expect(await statusOf({}, fails)).toEqual({ status: 1, ...said });
    expect(await statusOf({ away_exits_3: true }, fails)).toEqual({ status: 3, ...said });
  });

  it('leaves every other end as it is', async () => {
    const refused = new MasterError('SLAPOS_ERR_MASTER_REFUSED', 'No.');
    const broken = new BuildError('SLAPOS_ERR_BUILD', 'It does not build.');
    for (const error of [refused, broken]) {
      const end = await statusOf({ away_exits_3: true }, () => Promise.reject(error));
      expect(end).toMatchObject({ status: 1, message: error.message });
    }
    expect(await statusOf({ away_exits_3: true }, () => Promise.resolve(1))).toBe(1);
  });
});
