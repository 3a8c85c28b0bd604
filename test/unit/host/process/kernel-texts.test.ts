import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { KernelTexts } from '../../../../src/host/process/kernel-texts.ts';

it('reads what stands there now, of any length', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slapos-texts-'));
  try {
    const path = join(folder, 'file');
    const texts = new KernelTexts();
    for (const length of [3, 100_000, 16 * 1024, 0]) {
      writeFileSync(path, 'x'.repeat(length));
      expect(texts.read(path)).toBe('x'.repeat(length));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('reads files of /proc again and again', () => {
  const texts = new KernelTexts();
  const uptime = () => Number(texts.read('/proc/uptime').split(' ')[0]);
  const first = uptime();
  while (uptime() === first);
  expect(uptime()).toBeGreaterThan(first);
  expect(texts.read('/proc/net/dev')).toContain('lo:');
});

it('has nothing of what is not there, or cannot be read', () => {
  expect(new KernelTexts().read('/proc/no such file')).toBe('');
  expect(new KernelTexts().read('/proc')).toBe('');
});
