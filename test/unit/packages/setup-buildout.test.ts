import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { repository } from '../../support/package-scripts.ts';

let root = '';

/** A package of Python's with one module, as a wheel. */
const MAKE_WHEEL = `
import sys, zipfile
folder, name, version, module = sys.argv[1:]
stem = name.replace(".", "_") + "-" + version
info = stem + ".dist-info/"
files = {module: "def main(): pass\\n",
         info + "METADATA": f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n",
         info + "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
         info + "entry_points.txt": f"[console_scripts]\\n{stem} = {module[:-3].replace('/', '.')}:main\\n"}
record = info + "RECORD"
with zipfile.ZipFile(f"{folder}/{stem}-py3-none-any.whl", "w") as wheel:
    for path, text in files.items(): wheel.writestr(path, text)
    wheel.writestr(record, "".join(f"{path},,\\n" for path in [*files, record]))`;

const MODULES = {
  'zc.buildout': 'zc/buildout/buildout.py',
  setuptools: 'own_setuptools.py',
  wheel: 'own_wheel.py',
};

function putWheels(version: string): void {
  const folder = join(root, 'wheels');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const [name, module] of Object.entries(MODULES)) {
    execFileSync('/usr/bin/python3', ['-c', MAKE_WHEEL, folder, name, version, module]);
  }
}

function setUp() {
  const script = join(root, 'scripts', 'setup-buildout.mjs');
  return spawnSync(process.execPath, [script, '--offline'], { encoding: 'utf8' });
}

const environment = () => join(root, '.venv', 'buildout');

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'slapos-wheels-')));
  mkdirSync(join(root, 'scripts'));
  for (const name of ['setup-buildout.mjs', 'setup-system.mjs']) {
    copyFileSync(join(repository, 'scripts', name), join(root, 'scripts', name));
  }
  // One that works, of wheels of an older package.
  mkdirSync(join(environment(), 'bin'), { recursive: true });
  writeFileSync(join(environment(), 'bin', 'python'), '#!/bin/sh\n');
  chmodSync(join(environment(), 'bin', 'python'), 0o755);
  writeFileSync(join(environment(), 'slapos-wheels'), 'older');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

it('an environment of other wheels is made anew, once', { timeout: 120_000 }, () => {
  putWheels('9.1');
  expect(setUp()).toMatchObject({ status: 0, stdout: expect.stringContaining('environment') });
  expect(readdirSync(join(root, '.venv'))).toEqual(['buildout']);
  const python = join(environment(), 'bin', 'python');
  const words = ['-c', 'import zc.buildout.buildout as found; print(found.__file__)'];
  const found = execFileSync(python, words, { encoding: 'utf8' });
  expect(found.startsWith(`${environment()}/lib/`)).toBe(true);
  const script = readFileSync(join(environment(), 'bin', 'zc_buildout-9.1'), 'utf8');
  expect(script.split('\n')[0]).toBe(`#!${python}`);
  const before = readFileSync(join(environment(), 'slapos-wheels'), 'utf8');
  expect(setUp()).toMatchObject({ status: 0, stdout: '' });
  expect(readFileSync(join(environment(), 'slapos-wheels'), 'utf8')).toBe(before);
});

it('one that works is kept where the wheels are of no use', { timeout: 120_000 }, () => {
  mkdirSync(join(root, 'wheels'));
  expect(setUp()).toMatchObject({ status: 0, stdout: expect.stringContaining('is kept') });
  expect(readFileSync(join(environment(), 'slapos-wheels'), 'utf8')).toBe('older');
});

it('one of a source tree, which has no wheels, is left alone', () => {
  expect(setUp()).toMatchObject({ status: 0, stdout: '', stderr: '' });
});
