import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
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

  it('makes its links anew where npm was moved, and lets every user follow them', () => {
    const root = mkdtempSync(join(tmpdir(), 'with-node-'));
    const folder = join(root, 'path');
    const module = join(packageRoot(), 'scripts', 'package', 'node.mjs');
    const text = `import(${JSON.stringify(module)}).then(({ makeLinks }) =>
      makeLinks(process.argv[1], { npm: process.execPath }));`;
    try {
      mkdirSync(folder);
      symlinkSync(join(root, 'gone'), join(folder, 'npm'));
      expect(spawnSync(process.execPath, ['-e', text, folder]).status).toBe(0);
      expect(readlinkSync(join(folder, 'npm'))).toBe(process.execPath);
      expect([readdirSync(root), statSync(folder).mode & 0o777]).toEqual([['path'], 0o755]);
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  it('asks for a command', () => {
    const { status, stderr } = withNode('24');
    expect(status).toBe(2);
    expect(stderr).toMatch(/^usage: /);
  });
});
