// The folder that both packages are made of: what runs, and nothing that builds it.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { listComponents, renderLicences } from './contents.mjs';
import { renderSbom } from './sbom.mjs';
import {
  filesBelow,
  manifest,
  packageFolder,
  requirePackages,
  root,
  run,
  sourceDateS,
} from './work.mjs';

const SCRIPTS = [
  ...['setup.mjs', 'setup-buildout.mjs', 'setup-system.mjs', 'install-example.mjs'],
  ...['quickstart.mjs', 'quickstart-tour.mjs', 'quickstart-steps.mjs', 'quickstart-run.mjs'],
  ...['setup-postgres.mjs', 'object-wrap-header.mjs', 'compile-cache.mjs', 'in-namespace.sh'],
];
const TEXTS = ['README.md', 'CHANGELOG.md', 'SECURITY.md', 'LICENSE'];
const FOLDERS = ['bin', 'dist', 'docs', 'examples', 'promise-runner'];
/** Made by use, or good for the Node that built it only. */
const UNWANTED = /(^|\/)(__pycache__|location\.cfg|.*\.code\.bin)$/;

/** Wheels of scripts/package/wheels.txt, whose checksums pip verifies. */
export function fetchWheels() {
  const folder = join(packageFolder, 'wheels');
  if (existsSync(folder)) return folder;
  const venv = join(root, '.venv/buildout/bin/python');
  const python = existsSync(venv) ? venv : '/usr/bin/python3';
  if (python !== venv) requirePackages({ '/usr/lib/python3/dist-packages/pip': 'python3-pip' });
  const list = join(root, 'scripts/package/wheels.txt');
  const options = ['--no-deps', '--only-binary=:all:', '--require-hashes', '--quiet'];
  const common = ['-m', 'pip', 'download', '--disable-pip-version-check', ...options];
  run(python, [...common, '--dest', `${folder}.part`, '-r', list]);
  run('mv', [`${folder}.part`, folder]);
  return folder;
}

/** What npm reads of an installed package: no dependency, nothing to build, one command. */
export function packedManifest(architectures) {
  const kept = ['name', 'version', 'description', 'license', 'engines', 'os', 'main', 'types'];
  const fields = Object.fromEntries(kept.map((key) => [key, manifest[key]]));
  return {
    ...fields,
    cpu: architectures,
    exports: manifest.exports,
    bin: { slapos: 'bin/slapos' },
    scripts: { setup: manifest.scripts.setup, quickstart: manifest.scripts.quickstart },
    gypfile: false,
  };
}

function copyFiles(folder) {
  for (const name of [...TEXTS, ...FOLDERS, ...SCRIPTS.map((each) => `scripts/${each}`)]) {
    const filter = (path) => !UNWANTED.test(path);
    cpSync(join(root, name), join(folder, name), { recursive: true, filter });
  }
}

/** Files 0644 or 0755, folders 0755, whatever umask made them. */
function setModes(folder) {
  run('find', [folder, '-type', 'd', '-exec', 'chmod', '0755', '{}', '+']);
  for (const name of filesBelow(folder)) {
    const path = join(folder, name);
    const isProgram = /^(bin\/.*|.*\/slapos-supervisord|scripts\/.*\.sh)$/.test(name);
    const hasShebang = isProgram || readFileSync(path).subarray(0, 3).toString() === '#!/';
    chmodSync(path, hasShebang ? 0o755 : 0o644);
  }
}

/**
 * Fills `folder` with the package; the bundles of dist/ must be built.
 * @param options prebuilt: folders of compiled files by processor; wheels: folder of what buildout is
 *   installed from; node: folder of a bundled Node
 */
export function stagePackage(folder, { prebuilt, wheels, node }) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  copyFiles(folder);
  for (const [arch, from] of Object.entries(prebuilt)) {
    cpSync(from, join(folder, 'prebuilt', `linux-${arch}`), { recursive: true });
  }
  if (wheels !== undefined) cpSync(wheels, join(folder, 'wheels'), { recursive: true });
  const packed = packedManifest(Object.keys(prebuilt));
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(packed, null, 2)}\n`);
  const components = listComponents({ wheels: join(folder, 'wheels'), node });
  writeFileSync(join(folder, 'THIRD-PARTY-LICENSES.txt'), renderLicences(components));
  const { name, version } = manifest;
  const type = node === undefined ? 'npm' : 'deb';
  const subject = { name, version, purl: `pkg:${type}/${name}@${version}` };
  const sbom = renderSbom(subject, components, sourceDateS());
  writeFileSync(join(folder, 'sbom.cdx.json'), sbom);
  setModes(folder);
  return sbom;
}
