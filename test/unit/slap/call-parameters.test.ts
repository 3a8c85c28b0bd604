import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { checkParameters } from '../../../src/slap/call-parameters.ts';
import { Slap } from '../../../src/slap/slap.ts';

const loop: Record<string, unknown> = {};
loop['self'] = loop;

test('what JSON has passes, without what is undefined', () => {
  const value = { a: 'x', b: [1, 2.5, null, { c: true }], d: undefined, 'é"': {} };
  expect(checkParameters(value, 'parameters')).toEqual(JSON.parse(JSON.stringify(value)));
  const foreign: unknown = runInNewContext('({ a: { b: [1] } })');
  expect(checkParameters(foreign, 'parameters')).toEqual({ a: { b: [1] } });
  const bare = Object.assign(Object.create(null), { a: 1 });
  expect(checkParameters(bare, 'parameters')).toEqual({ a: 1 });
});

test.each([
  ['a list', [1], 'parameters is no plain object'],
  ['a text', '{}', 'parameters is no plain object'],
  ['null', null, 'parameters is no plain object'],
  ['a number that is none', { a: Number.NaN }, 'parameters.a is not finite'],
  ['infinity', { a: [1, Infinity] }, 'parameters.a[1] is not finite'],
  ['undefined in a list', { a: [undefined] }, 'parameters.a[0] is no text'],
  ['a large integer', { a: 1n }, 'parameters.a is no text'],
  ['a function', { a: { b: () => 1 } }, 'parameters.a.b is no text'],
  ['a date', { a: new Date(0) }, 'parameters.a is no text'],
  ['a map', { a: new Map() }, 'parameters.a is no text'],
  ['a promise', { a: Promise.resolve(1) }, 'parameters.a is no text'],
  ['what holds itself', loop, 'nested too deep, or holds itself'],
])('%s is refused', (_name, value, message) => {
  expect(() => checkParameters(value, 'parameters')).toThrow(message);
});

const order = () => new Slap({ masterUrl: 'http://192.0.2.1/' }).registerOpenOrder();
const REQUEST = { softwareRelease: 'https://example.com/a.cfg', title: 'web' };

test.each([
  ['no title', { ...REQUEST, title: '' }],
  ['no software', { ...REQUEST, softwareRelease: undefined }],
  ['an unknown state', { ...REQUEST, state: 'running' }],
  ['a filter that is no text', { ...REQUEST, filter: { computer_guid: 1 } }],
  ['an empty type', { ...REQUEST, softwareType: '' }],
])('a request with %s is refused before anything is sent', async (_name, request) => {
  await expect(order().request(request as never)).rejects.toMatchObject({
    code: 'SLAPOS_ERR_USAGE',
  });
});

test.each([
  ['an unknown transport', { masterUrl: 'http://192.0.2.1/', transport: 'soap' }],
  ['no address', {}],
  ['a time that is none', { masterUrl: 'http://192.0.2.1/', timeoutMs: '10' }],
  ['a time below nothing', { masterUrl: 'http://192.0.2.1/', totalTimeoutMs: -1 }],
  ['a time that no timer takes', { masterUrl: 'http://192.0.2.1/', connectTimeoutMs: 1e12 }],
  ['retries without end', { masterUrl: 'http://192.0.2.1/', retries: { maxRetries: Infinity } }],
  ['an address that is none', { masterUrl: 'not an address' }],
  ['an option that there is not', { masterUrl: 'http://192.0.2.1/', verifyTls: false }],
])('%s is refused', (_name, options) => {
  expect(() => new Slap(options as never)).toThrow(
    expect.objectContaining({ code: expect.stringMatching(/USAGE|CONFIG_VALUE/) }),
  );
});

test('what is left undefined is the default', async () => {
  const retries = { maxRetries: undefined, minDelayMs: undefined } as object;
  const options = { masterUrl: 'http://127.0.0.1:1/', retries, timeoutMs: undefined };
  const slap = new Slap(options);
  await expect(slap.getHateoasUrl()).rejects.toMatchObject({
    code: 'SLAPOS_ERR_MASTER_UNAVAILABLE',
  });
  await expect(slap.getHateoasUrl({ timeoutMs: Number.NaN })).rejects.toMatchObject({
    code: 'SLAPOS_ERR_USAGE',
  });
});

test('an empty id is not found, as upstream has it', () => {
  const slap = new Slap({ masterUrl: 'http://192.0.2.1/' });
  const code = expect.objectContaining({ code: 'SLAPOS_ERR_MASTER_NOT_FOUND' });
  expect(() => slap.registerComputer('')).toThrow(code);
  expect(() => slap.registerComputerPartition('COMP-1', '')).toThrow(code);
  expect(() => slap.registerComputer('COMP-1').partition('')).toThrow(code);
});
