import { describe, expect, it } from 'vitest';
import { BuildError } from '../../../src/errors/slapos-error.ts';
import { describeFailure } from '../../../src/grid/describe-failure.ts';

describe('describeFailure', () => {
  it('keeps of an output the first line and the error', () => {
    const text =
      "Failed to run buildout profile in directory '/s':\nline\nError: no recipe\nmore\n";
    expect(describeFailure(new BuildError('SLAPOS_ERR_BUILD', text))).toBe(
      "Failed to run buildout profile in directory '/s': Error: no recipe",
    );
  });

  it('ends with what to do', () => {
    const error = new BuildError('SLAPOS_ERR_BUILD', 'It failed.', { hint: 'Try again.' });
    expect(describeFailure(error)).toBe('It failed. (Try again.)');
  });

  it('takes anything that was thrown', () => {
    expect(describeFailure('')).toBe('Unknown error');
  });
});
