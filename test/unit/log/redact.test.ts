import { expect, it } from 'vitest';
import { redactText } from '../../../src/log/redact.ts';

it('hides the password of a URL wherever it begins', () => {
  expect(redactText('see git+https://me:secret@host/x, 1http://a:b@c')).toBe(
    'see git+https://me:[hidden]@host/x, 1http://a:[hidden]@c',
  );
});

it.each([
  // As a path that an address was taken for.
  ['/x/postgressql:/me:secret@host/d', '/x/postgressql:/me:[hidden]@host/d'],
  ['"postgres://me:se/cr@et@host/d"', '"postgres://me:[hidden]@host/d"'],
])('hides the password of the address of a database: %s', (text, shown) => {
  expect(redactText(text)).toBe(shown);
});

it.each([
  ['databases', 'postgres://a:'.repeat(15_000)],
  ['slashes', 'a:/'.repeat(70_000)],
  ['one word', 'x'.repeat(200_000)],
  ['schemes', 'a://'.repeat(50_000)],
  ['colons', 'a:'.repeat(100_000)],
  ['secrets', 'password '.repeat(20_000)],
  ['keys', '-----BEGIN PRIVATE KEY----- '.repeat(7000)],
])('takes no long time for a long line of %s', (_what, line) => {
  const startMs = performance.now();
  redactText(line);
  expect(performance.now() - startMs).toBeLessThan(1000);
});
