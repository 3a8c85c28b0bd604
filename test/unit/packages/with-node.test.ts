import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../../src/host/package/package-files.ts';

function withNode(...words: readonly string[]) {
  const script = join(packageRoot(), 'scripts', 'with-node.mjs');
  return spawnSync(process.execPath, [script, ...words], { encoding: 'utf8' });
}

describe('scripts/with-node.mjs', () => {
  it('names the Nodes that there are', () => {
    const { status, stderr } = withNode('19', 'true');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^with-node: no Node 19: there are 20\.[\d.]+, 22\.[^\n]*\n$/);
  });

  it('asks for a command', () => {
    const { status, stderr } = withNode('24');
    expect(status).toBe(2);
    expect(stderr).toMatch(/^usage: /);
  });
});
