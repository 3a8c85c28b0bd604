import { expect, it } from 'vitest';
import { splitShellWords } from '../../../src/model/shell-words.ts';

it.each([
  ['firewall-cmd', ['firewall-cmd']],
  ['  a  "b c" \'d "e\' f\\ g ""', ['a', 'b c', 'd "e', 'f g', '']],
  ['a;b $HOME `id` | c > d', ['a;b', '$HOME', '`id`', '|', 'c', '>', 'd']],
  ['', []],
])('%j is %j', (text, words) => expect(splitShellWords(text)).toEqual(words));

it.each(['"a', "'a", 'a\\'])('refuses %j', (text) => {
  expect(() => splitShellWords(text)).toThrow(SyntaxError);
});
