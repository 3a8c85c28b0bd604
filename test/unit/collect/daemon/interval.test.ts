import { expect, it } from 'vitest';
import { parseInterval, parseListen } from '../../../../src/collect/daemon/interval.ts';

it.each([
  ['250ms', 250],
  ['1s', 1000],
  ['1.5s', 1500],
  [' 60 s ', 60_000],
  ['2', 2000],
])('the interval %s is %i ms', (text, ms) => {
  expect(parseInterval(text)).toBe(ms);
});

it.each(['', 's', '249ms', '61s', '0', '-1s', '1m', '1e3', 'NaN', '1s1s'])(
  'the interval "%s" is refused',
  (text) => {
    expect(() => parseInterval(text)).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: expect.stringMatching(/--interval .*250ms to 60s/),
      }),
    );
  },
);

it('an address is an IP address with a port', () => {
  expect(parseListen('127.0.0.1:9101')).toEqual({ host: '127.0.0.1', port: 9101 });
  expect(parseListen('[::1]:0')).toEqual({ host: '::1', port: 0 });
});

it.each([
  '',
  '9101',
  ':9101',
  'localhost:9101',
  '::1:9101',
  '[127.0.0.1]:1',
  '127.0.0.1:65536',
  '1.2.3.4:',
])('the address "%s" is refused', (text) => {
  expect(() => parseListen(text)).toThrow(/--listen .*ADDRESS:PORT/);
});

it('an address of several lines is shown in one', () => {
  expect(() => parseListen('a\nb')).toThrow('--listen a\\nb: ADDRESS:PORT');
  expect(() => parseInterval('1\n2')).toThrow('--interval 1\\n2: from');
});
