import { describe, expect, it } from 'vitest';
import { parseOsRelease, readOsType, renderOsType } from '../../../src/format/facts.ts';

describe('facts of the host', () => {
  it('read os-release as a shell would', () => {
    const text =
      'ID=debian\nNAME="Debian \\"GNU\\"/Linux"\n# VERSION_ID=1\nVERSION_ID=\'12\'\nX=a b\n';
    expect([...parseOsRelease(text)]).toEqual([
      ['ID', 'debian'],
      ['NAME', 'Debian "GNU"/Linux'],
      ['VERSION_ID', '12'],
    ]);
  });

  it('are JSON as Python writes it', () => {
    expect(renderOsType(['a"b', 'é', ''])).toBe('["a\\"b", "\\u00e9", ""]');
  });

  it('name the platform even without os-release', async () => {
    const [platform, ...rest] = JSON.parse(await readOsType('2.36', '/does/not/exist')) as string[];
    expect(platform).toMatch(/^Linux-.+-(x86_64|aarch64)-with-glibc2\.36$/);
    expect(rest).toEqual(['', '', '']);
  });
});
