#!/usr/bin/env node
// `npm run package:deb [-- --arch x64|arm64] [--maintainer 'NAME <ADDRESS>']`:
// build/packages/slapos-node_VERSION_ARCH.deb, with a Node of long-term support inside, so that it
// needs none of the host. The same sources and SOURCE_DATE_EPOCH give the same file.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { writeChecksums } from './package/checksums.mjs';
import {
  debianVersion,
  findMaintainer,
  finishDebianFolder,
  writeControl,
} from './package/debian-control.mjs';
import { renderCompletions, renderPages } from './package/documents.mjs';
import { buildPrebuilt } from './package/native.mjs';
import { abiOf, fetchNode, nodes } from './package/node.mjs';
import { loadRegistry } from './package/registry.mjs';
import { fetchWheels, stagePackage } from './package/stage.mjs';
import {
  debianArchitectures,
  manifest,
  outputFolder,
  packageFolder,
  requirePackages,
  root,
  run,
  say,
  sourceDateS,
} from './package/work.mjs';

/** Where the package stands on the host. */
const HOME = '/usr/lib/slapos-node';
const NODE = `${HOME}/node/bin/node`;
const DATA = join(root, 'scripts/package/debian');

function write(folder, path, content, mode = 0o644) {
  const target = join(folder, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, content, { mode });
}

function packed(text) {
  return gzipSync(text, { level: 9 });
}

/** Programs run by the Node of the package, whatever `node` is on the host. */
function useOwnNode(folder) {
  const bin = join(folder, HOME, 'bin');
  for (const name of readdirSync(bin)) {
    const text = readFileSync(join(bin, name), 'utf8');
    const [line, ...rest] = text.split('\n');
    const words = line.replace(/^#!\/usr\/bin\/env (-S )?node/, `#!${NODE}`);
    if (words === line) throw new Error(`bin/${name} does not start with node`);
    writeFileSync(join(bin, name), [words, ...rest].join('\n'));
  }
  mkdirSync(join(folder, 'usr/bin'), { recursive: true });
  symlinkSync(`..${HOME.slice('/usr'.length)}/bin/slapos`, join(folder, 'usr/bin/slapos'));
}

/** Only the Node of this package runs here: SQLite for no other. */
function fitToNode(folder, arch, node) {
  const prebuilt = join(folder, HOME, 'prebuilt', `linux-${arch}`);
  const own = `better_sqlite3-${abiOf(node)}.node`;
  for (const name of readdirSync(prebuilt)) {
    if (name.startsWith('better_sqlite3-') && name !== own) rmSync(join(prebuilt, name));
  }
}

function bundleNode(folder, node) {
  mkdirSync(join(folder, HOME, 'node/bin'), { recursive: true });
  cpSync(join(node, 'bin/node'), join(folder, NODE));
}

/** What Debian has elsewhere than in the folder of the package. */
function moveDocuments(folder, dateS, maintainer) {
  const home = join(folder, HOME);
  const doc = 'usr/share/doc/slapos-node';
  mkdirSync(join(folder, doc), { recursive: true });
  renameSync(join(home, 'docs'), join(folder, doc, 'docs'));
  renameSync(join(home, 'sbom.cdx.json'), join(folder, doc, 'sbom.cdx.json'));
  for (const name of ['README.md', 'SECURITY.md']) {
    renameSync(join(home, name), join(folder, doc, name));
  }
  write(folder, `${doc}/CHANGELOG.md.gz`, packed(readFileSync(join(home, 'CHANGELOG.md'))));
  const licences = readFileSync(join(home, 'THIRD-PARTY-LICENSES.txt'), 'utf8');
  const own = `slapos-node is free software under the GNU General Public License, version 3 or any
later version, whose text is in /usr/share/common-licenses/GPL-3.
Copyright: the authors of slapos-node; written after the behaviour of slapos.core
(https://lab.nexedi.com/nexedi/slapos.core), Copyright Nexedi SA and contributors.

`;
  write(folder, `${doc}/copyright`, own + licences);
  for (const name of ['CHANGELOG.md', 'LICENSE', 'THIRD-PARTY-LICENSES.txt']) {
    rmSync(join(home, name));
  }
  const when = new Date(dateS * 1000).toUTCString().replace('GMT', '+0000');
  const entry = `slapos-node (${debianVersion}) unstable; urgency=medium

  * What changed is in /usr/share/doc/slapos-node/CHANGELOG.md.gz.

 -- ${maintainer}  ${when}
`;
  write(folder, `${doc}/changelog.gz`, packed(entry));
}

async function addDebianFiles(folder, dateS) {
  const registry = await loadRegistry();
  const edition = {
    date: new Date(dateS * 1000).toISOString().slice(0, 10),
    version: manifest.version,
  };
  for (const [name, text] of renderPages(registry, edition)) {
    write(folder, `usr/share/man/man1/${name}.gz`, packed(text));
  }
  for (const [path, text] of Object.entries(renderCompletions(registry))) {
    write(folder, `usr/share/${path}`, text);
  }
  const rule = registry.renderUdevRule({ tapBaseName: 'slaptap' });
  write(folder, 'usr/lib/udev/rules.d/10-slapos-node.rules', rule);
  const text = (name) => readFileSync(join(DATA, name));
  for (const name of readdirSync(join(DATA, 'units'))) {
    write(folder, `usr/lib/systemd/system/${name}`, text(join('units', name)));
  }
  write(folder, `${HOME}/scripts/release-cgroup`, text('release-cgroup'), 0o755);
  write(folder, 'etc/logrotate.d/slapos-node', text('logrotate'));
  write(folder, 'etc/default/slapos-node', text('default'));
  write(folder, 'usr/share/doc/slapos-node/examples/cron.d/slapos-node', text('cron.d'));
  mkdirSync(join(folder, 'var/log/slapos-node'), { recursive: true });
  mkdirSync(join(folder, 'var/lib/slapos-node'), { recursive: true });
}

/** What the target starts, without a link that an administrator would have to make. */
function addWants(folder) {
  const system = join(folder, 'usr/lib/systemd/system');
  const wants = join(system, 'slapos-node.target.wants');
  mkdirSync(wants);
  const units = readdirSync(system).filter((name) => name.endsWith('.timer'));
  const services = ['boot', 'collect', 'supervisord'].map((name) => `slapos-${name}.service`);
  for (const name of [...units, ...services]) {
    symlinkSync(`../${name}`, join(wants, name));
  }
}

const { values } = parseArgs({
  options: {
    arch: { type: 'string', default: process.arch },
    maintainer: { type: 'string' },
  },
});
const maintainer = findMaintainer(values.maintainer, process.env);
const architecture = debianArchitectures[values.arch];
requirePackages({ 'dpkg-deb': 'dpkg-dev', xz: 'xz-utils' });
const dateS = sourceDateS();
const prebuilt = { [values.arch]: buildPrebuilt(values.arch) };
say('bundles');
run(process.execPath, [join(root, 'scripts/build.mjs')]);
const node = fetchNode(values.arch, nodes.bundled);
const folder = join(packageFolder, `deb-${architecture}`);
rmSync(folder, { recursive: true, force: true });
const sbom = stagePackage(join(folder, HOME), { prebuilt, wheels: fetchWheels(), node });
bundleNode(folder, node);
fitToNode(folder, values.arch, node);
useOwnNode(folder);
symlinkSync('/var/lib/slapos-node/venv', join(folder, HOME, '.venv'));
moveDocuments(folder, dateS, maintainer);
await addDebianFiles(folder, dateS);
addWants(folder);
writeControl(folder, architecture, DATA, maintainer);
finishDebianFolder(folder, dateS);
const name = `slapos-node_${manifest.version}_${architecture}.deb`;
mkdirSync(outputFolder, { recursive: true });
say('compressing');
const env = { ...process.env, SOURCE_DATE_EPOCH: String(dateS), LC_ALL: 'C' };
run('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', folder, join(outputFolder, name)], {
  env,
});
writeFileSync(join(outputFolder, `${name}.cdx.json`), sbom);
const copyright = join(folder, 'usr/share/doc/slapos-node/copyright');
if (existsSync(copyright)) cpSync(copyright, join(outputFolder, `${name}.licences.txt`));
writeChecksums();
say(join('build/packages', name));
