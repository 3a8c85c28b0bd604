import { expect, it } from 'vitest';
import { LOG_LEVELS, type LogFields, type Logger } from '../../../src/log/logger.ts';
import { relayLogger, teeLogger } from '../../../src/log/relay-logger.ts';
import { setInLines } from '../../../src/log/set-in-lines.ts';
import { markLogger } from '../../../src/software/build-log.ts';

function recorder() {
  const heard: unknown[] = [];
  const create = (name: string): Logger => {
    const at = (level: string) => (message: string, fields?: LogFields) =>
      void heard.push([name, level, message, fields]);
    return {
      debug: at('DEBUG'),
      info: at('INFO'),
      warning: at('WARNING'),
      error: at('ERROR'),
      critical: at('CRITICAL'),
      child: create,
    };
  };
  return { heard, log: create('top') };
}

it.each([
  ['debug', 'DEBUG'],
  ['info', 'INFO'],
  ['warning', 'WARNING'],
  ['error', 'ERROR'],
  ['critical', 'CRITICAL'],
] as const)('relays %s with its fields, also of children', (method, level) => {
  const { heard, log } = recorder();
  const own = relayLogger(log, (seen, message, write) => write(`${seen} ${message}`));
  own.child('low')[method]('x', { event: 'a.b' });
  expect(heard).toEqual([['low', level, `${level} x`, { event: 'a.b' }]]);
  expect(LOG_LEVELS).toContain(level);
});

it('tells a second one of each message as well', () => {
  const { heard, log } = recorder();
  const told: string[] = [];
  const both = teeLogger(log, (level, message) => void told.push(`${level} ${message}`));
  both.warning('one');
  both.child('low').critical('two');
  expect(told).toEqual(['WARNING one', 'CRITICAL two']);
  expect(heard).toHaveLength(2);
});

it('marks and sets in', () => {
  const { heard, log } = recorder();
  setInLines(markLogger(log, '0123456789')).error('a\nb');
  expect(heard).toEqual([['top', 'ERROR', '[01234567] a\n  b', undefined]]);
});
