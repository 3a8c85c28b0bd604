import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { encodeTarEnd, encodeTarHeader, encodeTarPadding } from '../../../src/collect/tar.ts';

function archive(contents: ReadonlyMap<string, Buffer>): Buffer {
  const parts: Buffer[] = [
    encodeTarHeader({ name: 'day/', mode: 0o755, sizeBytes: 0, modifiedS: 1 }),
  ];
  for (const [name, data] of contents) {
    const sizeBytes = data.length;
    parts.push(encodeTarHeader({ name, mode: 0o644, sizeBytes, modifiedS: 1700000000 }));
    parts.push(data, encodeTarPadding(sizeBytes));
  }
  return Buffer.concat([...parts, encodeTarEnd()]);
}

test.each([0, 1, 511, 512, 513, 5000])('a member of %d bytes is read back by tar', (size) => {
  const data = Buffer.alloc(size, 'x');
  const input = archive(new Map([['day/dump_user.csv', data]]));
  const list = spawnSync('tar', ['-tvf', '-'], {
    input,
    env: { TZ: 'UTC', PATH: '/usr/bin:/bin' },
  });
  expect(list.stderr.toString()).toBe('');
  expect(list.stdout.toString()).toMatch(/^drwxr-xr-x root\/root +0 .* day\/$/m);
  expect(list.stdout.toString()).toMatch(
    new RegExp(`^-rw-r--r-- root/root +${size} 2023-11-14 22:13 day/dump_user.csv$`, 'm'),
  );
  const content = spawnSync('tar', ['-xOf', '-', 'day/dump_user.csv'], { input });
  expect(content.stdout.equals(data)).toBe(true);
});

test('sizes from 8 GiB on are written in base 256', () => {
  const member = { name: 'big', mode: 0o644, sizeBytes: 9 * 2 ** 30, modifiedS: 0 };
  const header = encodeTarHeader(member);
  expect(header[124]).toBe(0x80);
  const list = spawnSync('tar', ['-tvf', '-'], { input: header });
  expect(list.stdout.toString()).toContain(String(9 * 2 ** 30));
});

test('a name that does not fit is refused', () => {
  const member = { name: 'x'.repeat(101), mode: 0o644, sizeBytes: 0, modifiedS: 0 };
  expect(() => encodeTarHeader(member)).toThrow('tar name too long');
});
