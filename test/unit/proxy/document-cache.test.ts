import { expect, test } from 'vitest';
import { DocumentCache } from '../../../src/proxy/document-cache.ts';
import { SizedCache } from '../../../src/proxy/sized-cache.ts';

test('what was used longest ago goes first, one by one', () => {
  const cache = new SizedCache<number>(10);
  for (const [index, name] of ['a', 'b', 'c'].entries()) cache.set(name, index, 3);
  expect(cache.get('a')).toBe(0);
  cache.set('d', 3, 4);
  expect(['a', 'b', 'c', 'd'].map((name) => cache.get(name))).toEqual([0, undefined, 2, 3]);
  expect(cache.bytes).toBe(10);
});

test('a value put again counts once, and one that never fits takes no place', () => {
  const cache = new SizedCache<string>(10);
  cache.set('a', 'old', 9);
  cache.set('a', 'new', 2);
  cache.set('b', 'huge', 11);
  expect([cache.get('a'), cache.get('b'), cache.bytes]).toEqual(['new', undefined, 2]);
  cache.set('a', 'huge', 11);
  expect([cache.get('a'), cache.bytes]).toEqual([undefined, 0]);
});

test('tags outlive documents, and neither a change', () => {
  const cache = new DocumentCache(10);
  const tag = cache.put('A', '1', Buffer.from('12345678'));
  expect(cache.find('A', '1')).toEqual({ tag, body: Buffer.from('12345678') });
  cache.put('B', '1', Buffer.from('12345'));
  expect(cache.find('A', '1')).toEqual({ tag, body: undefined });
  expect(cache.find('A', '2')).toBeUndefined();
  expect(cache.put('A', '2', Buffer.from('12345678'))).toBe(tag);
});
