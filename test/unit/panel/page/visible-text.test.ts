import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isSafeLink } from '../../../../src/panel/page/safe-link.ts';
import { looksSecret } from '../../../../src/panel/page/secret.ts';
import { visibleText } from '../../../../src/panel/page/visible-text.ts';

it('names what cannot be seen', () => {
  expect(visibleText('a\u001b[2J\u202eb\u200b\u0007\r\n\tc\ud800')).toBe(
    'a⟨ESC⟩[2J⟨U+202E⟩b⟨U+200B⟩⟨BEL⟩⟨CR⟩\n\tc⟨U+D800⟩',
  );
  expect(visibleText('tag \u{e0041}\u{e0101} \u00ad\u2028')).toBe(
    'tag ⟨U+E0041⟩⟨U+E0101⟩ ⟨U+00AD⟩⟨U+2028⟩',
  );
});

it('leaves texts of all languages and joined pictures as they are', () => {
  for (const text of ['Größe ÇA', '日本語', 'שלום', 'مرحبا', 'नमस्ते', '👩‍💻 ❤️', '<b>&amp;']) {
    expect(visibleText(text)).toBe(text);
  }
});

it('shows a joiner that joins no pictures', () => {
  expect(visibleText('pay\u200dpal\ufe0f')).toBe('pay⟨U+200D⟩pal⟨U+FE0F⟩');
});

it('leaves nothing unseen in any text, and changes nothing twice', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const shown = visibleText(text);
      const strange =
        /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
      expect(shown.replace(/[\t\n]/g, '')).not.toMatch(strange);
      expect(visibleText(shown)).toBe(shown);
    }),
  );
});

it('links to web pages and within the page only', () => {
  const safe = ['#/tree', './', 'https://example.org/', 'HTTP://[2001:db8::1]:80/'];
  expect(safe.filter((address) => !isSafeLink(address))).toEqual([]);
  const others = [
    'javascript:alert(1)',
    ' javascript:alert(1)',
    'JAVASCRIPT:x',
    'data:text/html,x',
  ];
  expect([...others, '//example.org', '', 'vbscript:x', 'blob:x'].filter(isSafeLink)).toEqual([]);
});

it.each([
  ['password', 'x', true],
  ['db_passwd', 'x', true],
  ['api-key', 'x', true],
  ['token', 'x', true],
  ['private-key', 'x', true],
  ['url', 'https://user:pass@host/', true],
  ['tls', '-----BEGIN RSA PRIVATE KEY-----\n', true],
  ['deep', { inner: { secret: 1 } }, true],
  ['url', 'https://host:8080/a@b', false],
  ['keyboard', 'x', false],
  ['monkey', 'x', false],
  ['certificate', '-----BEGIN CERTIFICATE-----\n', false],
  ['port', 80, false],
])('%s of %j is secret: %s', (name, value, isSecret) => {
  expect(looksSecret(name, value)).toBe(isSecret);
});
