import { expect, it } from 'vitest';
import { parseCommandLine } from '../../../../src/cli/parse.ts';

const optionsOf = (...words: string[]) => {
  const { action } = parseCommandLine(['node', 'software', ...words]);
  return action.kind === 'run' ? action.options : undefined;
};

it.each([
  [['--all', '--only-sr', 'x']],
  [['--only', 'x', '--all']],
  // Upstream removes all other releases then.
  [['--garbage-collect', '--only-sr', 'x']],
  [['--only', 'x', '--garbage-collect']],
])('refuses %j', (words) => {
  expect(() => optionsOf(...words)).toThrow(/cannot be used with/);
});

it('takes a forced rebuild of some releases', () => {
  expect(optionsOf('--force', '--only-sr', 'a, b', '--jobs', '3')).toMatchObject({
    force: true,
    only_sr: 'a, b',
    jobs: 3,
  });
  expect(optionsOf('--all')).toMatchObject({ force: true });
  expect(optionsOf('--garbage-collect', '--force')).toMatchObject({ garbage_collect: true });
});
