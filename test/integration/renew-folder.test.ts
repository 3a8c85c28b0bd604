/** The folder of a destroyed partition where it cannot be replaced: a real mount. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { renewFolder } from '../../src/host/folder/renew-folder.ts';
import { requires } from '../support/requires.ts';

const ROOT = '/srv/renewed';
const PATH = `${ROOT}/slappart0`;

requires('root', 'netns')('a partition that is a mount of the same disk', () => {
  beforeEach(() => {
    mkdirSync(PATH, { recursive: true });
    execFileSync('mount', ['--bind', PATH, PATH]);
  });
  afterEach(() => {
    execFileSync('umount', [PATH]);
    rmSync(ROOT, { recursive: true });
  });

  it('stays, with the file that is kept, and leaves nothing beside it', async () => {
    writeFileSync(`${PATH}/.slapos-resource`, '{}');
    const kept = { name: '.slapos-resource', warn: () => undefined };
    expect(await renewFolder(PATH, kept)).toBe(false);
    expect(readFileSync(`${PATH}/.slapos-resource`, 'utf8')).toBe('{}');
    expect(readdirSync(ROOT)).toEqual(['slappart0']);
  });
});
