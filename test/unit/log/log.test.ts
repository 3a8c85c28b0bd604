import { describe, expect, test } from 'vitest';
import { consoleLevel, createLogger, createSink } from '../../../src/log/create-logger.ts';
import { renderConsoleLine, renderFileLine, renderJsonLine } from '../../../src/log/line-format.ts';
import type { LogRecord } from '../../../src/log/record.ts';
import { redactFields, redactText } from '../../../src/log/redact.ts';

const RECORD: LogRecord = {
  time: new Date(2026, 0, 2, 3, 4, 5, 6),
  level: 'INFO',
  logger: 'slapos.boot',
  pid: 77,
  message: 'one\ntwo',
  fields: { event: 'boot.waiting', interface: 'lo', bytes: 10n },
};

describe('lines', () => {
  test('console', () => {
    expect(renderConsoleLine(RECORD, { hasTime: true, hasColors: false })).toBe(
      '2026-01-02 03:04:05 slapos.boot[77] INFO one\ntwo\n',
    );
    expect(renderConsoleLine(RECORD, { hasTime: false, hasColors: false })).toBe(
      'slapos.boot[77] INFO one\ntwo\n',
    );
  });

  test.each([
    ['CRITICAL', '\x1b[1;31mx\x1b[0m'],
    ['ERROR', '\x1b[0;31mx\x1b[0m'],
    ['WARNING', '\x1b[0;33mx\x1b[0m'],
    ['INFO', 'x'],
    ['DEBUG', '\x1b[0;32mx\x1b[0m'],
  ] as const)('console colours of %s', (level, message) => {
    expect(
      renderConsoleLine({ ...RECORD, level, message: 'x' }, { hasTime: true, hasColors: true }),
    ).toBe(
      `\x1b[0;32m2026-01-02 03:04:05\x1b[0m \x1b[0;34mslapos.boot[77]\x1b[0m \x1b[1;30m${level}\x1b[0m ${message}\n`,
    );
  });

  test('file', () => {
    expect(renderFileLine(RECORD)).toBe('[2026-01-02 03:04:05,006] INFO     one\ntwo\n');
    expect(renderFileLine({ ...RECORD, level: 'CRITICAL' })).toMatch(/] CRITICAL one/);
  });

  test('JSON is one line with the facts apart', () => {
    const line = renderJsonLine(RECORD, 'run-1');
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(JSON.parse(line)).toEqual({
      time: RECORD.time.toISOString(),
      level: 'INFO',
      logger: 'slapos.boot',
      pid: 77,
      run: 'run-1',
      event: 'boot.waiting',
      message: 'one\ntwo',
      facts: { interface: 'lo', bytes: '10' },
    });
  });
});

describe('secrets', () => {
  test.each([
    ['https://joe:hunter2@example.org/x', 'https://joe:[hidden]@example.org/x'],
    ['password=hunter2 next', 'password=[hidden] next'],
    ['{"token": "hunter2", "a": 1}', '{"token": [hidden], "a": 1}'],
    ['GET /x?access_token=hunter2&b=1', 'GET /x?access_token=[hidden]&b=1'],
    ['Authorization: Bearer hunter2', 'Authorization: [hidden]'],
    ['a -----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY----- b', 'a [hidden] b'],
    ['-----BEGIN PRIVATE KEY-----\nhunter2', '[hidden]'],
  ])('%j is not shown', (text, expected) => {
    expect(redactText(text)).toBe(expected);
  });

  test.each([
    'Configuration file does not exist: /etc/opt/slapos/slapos.cfg',
    'http://[fd00::1]:5000/x',
    'Computer security token: ',
    'key_file = /etc/ssl/computer.key',
    'user@host',
  ])('%j stays', (text) => {
    expect(redactText(text)).toBe(text);
  });

  test('fields by name, at any depth', () => {
    expect(
      redactFields({
        password: 'x',
        nested: { accessToken: 'x', list: ['https://a:b@c/'] },
        key_file: '/k',
        private_key: 'x',
        error: new Error('password=x'),
      }),
    ).toEqual({
      password: '[hidden]',
      nested: { accessToken: '[hidden]', list: ['https://a:[hidden]@c/'] },
      key_file: '/k',
      private_key: '[hidden]',
      error: 'password=[hidden]',
    });
  });
});

describe('levels', () => {
  test.each([
    [0, ['WARNING', 'ERROR', 'CRITICAL']],
    [1, ['INFO', 'WARNING', 'ERROR', 'CRITICAL']],
    [2, ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL']],
    [3, ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL']],
  ])('verbosity %i shows %j', (verbosity, levels) => {
    const lines: string[] = [];
    const sink = createSink(
      consoleLevel(verbosity),
      (record) => record.level,
      (line) => lines.push(line),
    );
    const log = createLogger({ name: 'a', pid: 1, sinks: [sink], now: () => RECORD.time });
    for (const level of ['debug', 'info', 'warning', 'error', 'critical'] as const) log[level]('x');
    expect(lines).toEqual(levels);
  });

  test('a child has another name and the same sinks, also those added later', () => {
    const names: string[] = [];
    const sinks = [
      createSink(
        'DEBUG',
        (record) => record.logger,
        (line) => names.push(line),
      ),
    ];
    const live = sinks.slice(0, 0);
    const log = createLogger({ name: 'slapos', pid: 1, sinks: live, now: () => RECORD.time });
    const child = log.child('slapos.boot');
    live.push(...sinks);
    child.info('x');
    log.info('x');
    expect(names).toEqual(['slapos.boot', 'slapos']);
  });
});
