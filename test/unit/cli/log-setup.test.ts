import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DEFAULT_SETTINGS } from '../../../src/cli/global-options.ts';
import { createRunLog } from '../../../src/cli/log-setup.ts';
import type { ProcessIo } from '../../../src/cli/process-io.ts';

test('a log file that is named again has each line once', () => {
  const folder = mkdtempSync(join(tmpdir(), 'log-setup-'));
  const io = {
    pid: 42,
    now: () => new Date(0),
    env: {},
    stderr: { isTerminal: () => false, write: () => {} },
  };
  const log = createRunLog(DEFAULT_SETTINGS, io as unknown as ProcessIo);
  const path = join(folder, 'format.log');
  log.addFile(path);
  log.addFile(path);
  log.logger.error('once');
  log.close();
  expect(readFileSync(path, 'utf8').match(/once/g)).toHaveLength(1);
  rmSync(folder, { recursive: true });
});
