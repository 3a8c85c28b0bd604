import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sqliteAddonPath } from '../../../src/host/package/sqlite-addon.ts';
import { loadScript, repository } from '../../support/package-scripts.ts';

const { renderSbom } = await loadScript<'renderSbom'>('sbom.mjs');
const { renderLicences, wheelComponents } = await loadScript<'renderLicences' | 'wheelComponents'>(
  'contents.mjs',
);
const { packedManifest, stagePackage } = await loadScript<'packedManifest' | 'stagePackage'>(
  'stage.mjs',
);

describe('the bill of materials', () => {
  const subject = { name: 'it', version: '1', purl: 'pkg:npm/it@1' };
  const component = {
    name: 'a',
    version: '2',
    purl: 'pkg:npm/a@2',
    licence: 'MIT',
    integrity: `sha512-${Buffer.from('abc').toString('base64')}`,
  };

  it('is CycloneDX with licences and digests', () => {
    const bom = JSON.parse(renderSbom(subject, [component], 86_400));
    expect(bom).toMatchObject({
      bomFormat: 'CycloneDX',
      specVersion: '1.5',
      metadata: { timestamp: '1970-01-02T00:00:00.000Z', component: { name: 'it' } },
      components: [
        {
          purl: 'pkg:npm/a@2',
          licenses: [{ license: { id: 'MIT' } }],
          hashes: [{ alg: 'SHA-512', content: '616263' }],
        },
      ],
    });
    expect(bom.serialNumber).toMatch(
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  it('is the same for the same contents and another one for others', () => {
    const text = renderSbom(subject, [component], 0);
    expect(renderSbom(subject, [component], 0)).toBe(text);
    const other = JSON.parse(renderSbom(subject, [{ ...component, version: '3' }], 0));
    expect(other.serialNumber).not.toBe(JSON.parse(text).serialNumber);
  });

  it('writes a licence of several as an expression', () => {
    const bom = JSON.parse(renderSbom(subject, [{ ...component, licence: 'MIT OR ISC' }], 0));
    expect(bom.components[0].licenses).toEqual([{ expression: 'MIT OR ISC' }]);
  });
});

it('the list of licences has each text once', () => {
  const of = (name: string) => ({ name, version: '1', purl: '', licence: 'MIT', texts: ['Text.'] });
  const list = renderLicences([of('a'), of('b')]);
  expect(list.match(/Text\./g)).toHaveLength(1);
  expect(list).toContain('a 1, b 1');
});

const MAKE_WHEELS = `
import os, sys, zipfile
def put(name, files):
    with zipfile.ZipFile(os.path.join(sys.argv[1], name + "-1-py3-none-any.whl"), "w") as wheel:
        for path, text in files.items(): wheel.writestr(path, text)
def head(name, version, *lines):
    return "\\n".join([f"Name: {name}", f"Version: {version}", *lines, "", "About."])
put("alone", {"alone-1.dist-info/METADATA": head("alone", 1, "License: ZPL 2.1")})
put("tools", {
    "tools-1.dist-info/METADATA": head("Tools", 1, "License-Expression: MIT"),
    "tools-1.dist-info/licenses/LICENSE": "Of tools.\\n",
    "tools/_vendor/in_side-2.dist-info/METADATA":
        head("in_side", 2, "Classifier: License :: OSI Approved :: MIT License"),
    "tools/_vendor/in_side-2.dist-info/LICENSE": "Of inside.\\n",
    "tools/_vendor/alone-1.dist-info/METADATA": head("alone", 1, "License: ZPL 2.1"),
    "tools/_vendor/vendor.txt": "listed==3\\n    in-side==2\\n"})`;

it('what a wheel carries of others is listed too, with its text, and once', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slapos-wheels-'));
  try {
    execFileSync('/usr/bin/python3', ['-c', MAKE_WHEELS, folder]);
    const seen = wheelComponents(folder).map(({ purl, licence, texts }) => [purl, licence, texts]);
    expect(seen).toEqual([
      ['pkg:pypi/alone@1', 'ZPL-2.1', []],
      ['pkg:pypi/tools@1', 'MIT', ['Of tools.']],
      ['pkg:pypi/in-side@2', 'MIT', ['Of inside.']],
      ['pkg:pypi/listed@3', undefined, []],
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

it('npm has nothing to build or to fetch for the packed manifest', () => {
  const manifest = packedManifest(['x64']);
  for (const field of ['dependencies', 'devDependencies', 'optionalDependencies']) {
    expect(manifest).not.toHaveProperty(field);
  }
  expect(Object.keys(manifest['scripts'] as object)).toEqual(['setup', 'quickstart']);
  expect(manifest).toMatchObject({ gypfile: false, cpu: ['x64'], bin: { slapos: 'bin/slapos' } });
});

describe('what is packed', () => {
  let folder = '';
  let staged = '';
  const files = () =>
    readdirSync(staged, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(staged.length + 1));

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'slapos-packed-'));
    staged = join(folder, 'slapos-node');
    const prebuilt = join(folder, 'prebuilt');
    const build = join(repository, 'build', 'Release');
    mkdirSync(prebuilt);
    for (const name of ['slapos_native.node', 'slapos-supervisord']) {
      copyFileSync(join(build, name), join(prebuilt, name));
    }
    const sqlite = sqliteAddonPath(repository, process.versions.modules);
    const abi = process.versions.modules;
    cpSync(sqlite, join(prebuilt, `better_sqlite3-${abi}.node`), { dereference: true });
    stagePackage(staged, { prebuilt: { [process.arch]: prebuilt } });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is what runs, and nothing that builds it', () => {
    const names = files();
    for (const name of ['bin/slapos', 'dist/bin/slapos.js', 'sbom.cdx.json', 'LICENSE']) {
      expect(names).toContain(name);
    }
    const tools = /^(node_modules|src|native|test|bench)\/|binding\.gyp|tsconfig|\.bin$|\.pyc$/;
    expect(names.filter((name) => tools.test(name))).toEqual([]);
  });

  it('names no folder of the machine that made it, and no registry with credentials', () => {
    const isText = (name: string) => !name.startsWith('prebuilt/');
    const bad = files().filter((name) => {
      const text = readFileSync(join(staged, name), 'latin1');
      const hosts = /_authToken|_password=|https?:\/\/[^/\s"']+@/;
      return text.includes(`${repository}/`) || (isText(name) && hosts.test(text));
    });
    expect(bad).toEqual([]);
  });

  it('has what its scripts import', () => {
    const folder = join(staged, 'scripts');
    const scripts = readdirSync(folder).filter((name) => name.endsWith('.mjs'));
    const imported = scripts.flatMap((name) =>
      [...readFileSync(join(folder, name), 'utf8').matchAll(/from '\.\/(.+?)'/g)].map(
        ([, to]) => to,
      ),
    );
    expect(imported).toContain('setup-system.mjs');
    expect(imported.filter((name) => !scripts.includes(String(name)))).toEqual([]);
  });

  it('lets everybody read and nobody but the owner write', () => {
    for (const name of files()) {
      const mode = statSync(join(staged, name)).mode & 0o7777;
      expect([0o644, 0o755], `${name} ${mode.toString(8)}`).toContain(mode);
    }
    const programs = ['bin/slapos', `prebuilt/linux-${process.arch}/slapos-supervisord`];
    for (const name of programs) expect(statSync(join(staged, name)).mode & 0o111).toBe(0o111);
  });

  it('runs by itself: addon, SQLite and keeper are found inside', () => {
    const slapos = join(staged, 'bin', 'slapos');
    expect(execFileSync(slapos, ['--version'], { encoding: 'utf8' })).toMatch(/^slapos \d/);
    const config = join(folder, 'slapos.cfg');
    writeFileSync(
      config,
      `[slapos]\ncomputer_id = local_computer\nmaster_url = http://127.0.0.1:9\n` +
        `instance_root = ${folder}/i\nsoftware_root = ${folder}/s\n` +
        `[slapproxy]\nhost = 127.0.0.1\nport = 9\ndatabase_uri = ${folder}/proxy.db\n`,
    );
    const args = ['proxy', 'show', '--cfg', config];
    const { stderr } = spawnSync(slapos, args, { encoding: 'utf8' });
    // There is no such database; with SQLite missing it would not come that far.
    expect(stderr).toContain('proxy.db');
    expect(stderr).not.toContain('SLAPOS_ERR_NATIVE');
    const keeper = join(staged, 'prebuilt', `linux-${process.arch}`, 'slapos-supervisord');
    expect(execFileSync(keeper, ['--version'], { encoding: 'utf8' })).toContain('protocol');
  });

  it('says which Node is wanted where there is no SQLite for it', () => {
    const prebuilt = join(staged, 'prebuilt', `linux-${process.arch}`);
    expect(sqliteAddonPath(staged, '115')).toBe(join(prebuilt, 'better_sqlite3-115.node'));
    const own = sqliteAddonPath(staged, process.versions.modules);
    rmSync(own);
    const config = join(folder, 'slapos.cfg');
    const args = ['proxy', 'show', '--cfg', config];
    const { status, stderr } = spawnSync(join(staged, 'bin', 'slapos'), args, { encoding: 'utf8' });
    expect({ status, stderr }).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('SQLite cannot be loaded'),
    });
  });
});
