#!/usr/bin/env node
// `npm run package:npm [-- --arch x64,arm64]`: build/packages/slapos-node-VERSION.tgz, which
// `npm install --global` installs without a compiler and without any other package: dependencies
// are in the bundles, compiled files are in prebuilt/.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeChecksums } from './package/checksums.mjs';
import { writePages } from './package/documents.mjs';
import { buildPrebuilt } from './package/native.mjs';
import { loadRegistry } from './package/registry.mjs';
import { fetchWheels, stagePackage } from './package/stage.mjs';
import {
  filesBelow,
  manifest,
  outputFolder,
  packageFolder,
  root,
  run,
  say,
  sourceDateS,
} from './package/work.mjs';

/** Pages that npm puts where man(1) finds them, when it installs globally. */
async function addManual(folder) {
  const date = new Date(sourceDateS() * 1000).toISOString().slice(0, 10);
  writePages(await loadRegistry(), join(folder, 'man'), { date, version: manifest.version });
  const path = join(folder, 'package.json');
  const packed = JSON.parse(readFileSync(path, 'utf8'));
  packed.man = filesBelow(join(folder, 'man')).map((name) => `./man/${name}`);
  writeFileSync(path, `${JSON.stringify(packed, null, 2)}\n`);
}

const { values } = parseArgs({ options: { arch: { type: 'string', default: process.arch } } });
const prebuilt = Object.fromEntries(
  values.arch.split(',').map((arch) => [arch, buildPrebuilt(arch)]),
);
say('bundles');
run(process.execPath, [join(root, 'scripts/build.mjs')]);
const folder = join(packageFolder, 'npm');
const sbom = stagePackage(folder, { prebuilt, wheels: fetchWheels() });
await addManual(folder);
mkdirSync(outputFolder, { recursive: true });
const packed = run('npm', ['pack', '--silent', '--pack-destination', outputFolder], {
  cwd: folder,
});
const name = packed.trim().split('\n').at(-1);
writeFileSync(join(outputFolder, `${name}.cdx.json`), sbom);
cpSync(join(folder, 'THIRD-PARTY-LICENSES.txt'), join(outputFolder, `${name}.licences.txt`));
writeChecksums();
say(`${join('build/packages', name)}`);
