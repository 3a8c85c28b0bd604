/** What the author of a script is told of a failure. */
import { expect, test } from 'vitest';
import { renderFailure } from '../../../../src/cli/client/script-failure.ts';
import { MasterError } from '../../../../src/errors/slapos-error.ts';
import { packageRoot } from '../../../../src/host/package/package-files.ts';

const FRAMES = [
  '    at own (/home/me/script.mjs:1:2)',
  `    at ours (${packageRoot()}/dist/cli/client/console.code.js:3:4)`,
  '    at node:internal/modules/run_main:5:6',
];

function failed(error: Error, frames: readonly string[]): Error {
  error.stack = [`${error.name}: ${error.message}`, ...frames].join('\n');
  return error;
}

test('an error of the script has its own frames', () => {
  const error = failed(new TypeError('no'), FRAMES);
  expect(renderFailure(error)).toBe(`TypeError: no\n${FRAMES[0]}`);
  expect(renderFailure(error, true)).toBe(error.stack);
});

test('properties of an error stay in braces', () => {
  const error = Object.assign(failed(new Error('no'), FRAMES), { code: 'X' });
  expect(renderFailure(error)).toBe(`Error: no\n${FRAMES[0]} {\n  code: 'X'\n}`);
  const foreign = Object.assign(failed(new Error('no'), FRAMES.slice(1)), { code: 'X' });
  expect(renderFailure(foreign)).toBe(`Error: no {\n  code: 'X'\n}`);
});

test('an error of ours is what a person can do about it', () => {
  const hint = 'Try again.';
  const error = new MasterError('SLAPOS_ERR_MASTER_NOT_READY', 'Not yet.', { hint });
  const message = 'Not yet. (Try again) [SLAPOS_ERR_MASTER_NOT_READY]';
  expect(renderFailure(failed(error, FRAMES))).toBe(`${message}\n${FRAMES[0]}`);
  expect(renderFailure(failed(error, []))).toBe(message);
});

test('what is thrown need not be an error', () => {
  expect([renderFailure('text'), renderFailure(undefined)]).toEqual(["'text'", 'undefined']);
});
