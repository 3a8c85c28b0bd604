import { describe, expect, it } from 'vitest';
import { readOsType, renderOsType } from '../../../src/format/facts.ts';

describe('facts of the host', () => {
  it('are JSON as Python writes it', () => {
    expect(renderOsType(['a"b', 'é', ''])).toBe('["a\\"b", "\\u00e9", ""]');
  });

  it('name the platform even without os-release', async () => {
    const [platform, ...rest] = JSON.parse(await readOsType('2.36', '/does/not/exist')) as string[];
    expect(platform).toMatch(/^Linux-.+-(x86_64|aarch64)-with-glibc2\.36$/);
    expect(rest).toEqual(['', '', '']);
  });

  it('are not guessed while os-release cannot be read', async () => {
    // proc_pid_mem(5): nothing is mapped at the start.
    await expect(readOsType('2.36', '/proc/self/mem')).rejects.toThrow('/proc/self/mem: EIO');
  });
});
