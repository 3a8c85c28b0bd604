import { expect, it } from 'vitest';
import { createMainLog } from '../../../../src/supervisor/output/main-log.ts';

it('goes on where a line cannot be written, and tells how many are lost', () => {
  const lines: string[] = [];
  let isFull = false;
  const file = {
    append(line: string | Uint8Array) {
      if (isFull) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
      lines.push(String(line).slice('2026-11-20 23:34:14,285 '.length));
    },
    reopen() {},
    clear() {},
  };
  const echoed: string[] = [];
  const echo = (line: string) => void echoed.push(line);
  const log = createMainLog(file, { path: '/log', level: 'info', echo });
  log.write('INFO', 'one');
  isFull = true;
  log.write('INFO', 'two');
  log.write('DEBG', 'below the level');
  log.write('CRIT', 'three');
  isFull = false;
  log.write('INFO', 'four');
  expect(lines).toEqual([
    'INFO one\n',
    'WARN 2 lines of this log are lost: ENOSPC\n',
    'INFO four\n',
  ]);
  expect(echoed).toHaveLength(4);
});
