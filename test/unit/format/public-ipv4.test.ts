import { describe, expect, it } from 'vitest';
import { readPublicIpv4 } from '../../../src/format/public-ipv4.ts';

const SERVICES = ['a', 'b', 'c'].map((url) => ({ url, key: 'ip' }));
const DEADLINE_MS = 50;

function ask(answers: Readonly<Record<string, string>>): Promise<string | null> {
  const fetchText = async (url: string) => answers[url] ?? new Promise<string>(() => {});
  return readPublicIpv4(fetchText, DEADLINE_MS, SERVICES);
}

const answer = (ip: unknown) => JSON.stringify({ ip });

describe('the public IPv4', () => {
  it('is what two services say, without waiting for the third', async () => {
    expect(await ask({ a: answer('203.0.113.7'), c: answer('203.0.113.7') })).toBe('203.0.113.7');
  });

  it.each([
    ['nobody answers in time', {}],
    ['one answers', { a: answer('203.0.113.7') }],
    ['they disagree', { a: answer('1.2.3.4'), b: answer('1.2.3.5'), c: answer('1.2.3.6') }],
    ['they talk nonsense', { a: 'no JSON', b: answer('::1'), c: answer(7) }],
  ])('is not known when %s', async (_what, answers) => {
    expect(await ask(answers)).toBeNull();
  });

  it('never fails', async () => {
    const refuse = () => Promise.reject(new Error('no network'));
    expect(await readPublicIpv4(refuse, DEADLINE_MS, SERVICES)).toBeNull();
  });
});
