import { expect, it } from 'vitest';
import { logLines } from '../../../src/grid/output-log.ts';
import { recordingLogger } from '../../support/grid-site.ts';

it('logs lines until they are too many, and says so once', () => {
  const log = recordingLogger();
  const take = logLines(log, 200);
  for (const line of ['one', 'two', 'three', 'four', 'five']) take(line);
  expect(log.lines).toEqual([
    'INFO one',
    'INFO two',
    'INFO three',
    'WARNING More than 200 bytes of output: no more of it is logged.',
  ]);
});
