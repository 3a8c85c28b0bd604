import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { spawnPager } from '../../../../src/host/log/pager.ts';

it('gives the text to the pager and tells whether there is one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slapos-pager-'));
  try {
    expect(await spawnPager(`cat > ${folder}/shown`, 'text\n')).toBe(true);
    expect(readFileSync(`${folder}/shown`, 'utf8')).toBe('text\n');
    expect(await spawnPager('exit 1', 'x'.repeat(1_000_000))).toBe(true);
    expect(await spawnPager('/does/not/exist 2> /dev/null', 'text\n')).toBe(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
