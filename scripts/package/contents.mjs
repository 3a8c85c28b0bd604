// What a package is made of, with versions and licences: npm packages in the bundles, SQLite,
// wheels for buildout, and Node where it is carried. Feeds the bill of materials and the licences.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { versionsInside } from './node.mjs';
import { manifest, root, run } from './work.mjs';

/** Packages whose headers are compiled into our binaries, or whose C++ is. */
const COMPILED_IN = ['node_modules/better-sqlite3', 'node_modules/node-addon-api'];

const LICENCE_FILE = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

function licenceTexts(folder) {
  return readdirSync(folder)
    .filter((name) => LICENCE_FILE.test(name))
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8').trimEnd());
}

function npmComponent(path, lock) {
  const folder = join(root, path);
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return {
    name,
    version,
    licence: typeof license === 'string' ? license : (license?.type ?? 'unknown'),
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    integrity: lock.packages[path]?.integrity,
    texts: licenceTexts(folder),
  };
}

/** @returns components of the npm packages that the build of the bundles names, sorted by name */
function npmComponents() {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const bundled = JSON.parse(readFileSync(join(root, 'build/bundled-packages.json'), 'utf8'));
  return [...new Set([...bundled, ...COMPILED_IN])].sort().map((path) => npmComponent(path, lock));
}

function sqliteComponent() {
  const header = readFileSync(
    join(root, 'node_modules/better-sqlite3/deps/sqlite3/sqlite3.h'),
    'utf8',
  );
  const version = /^#define SQLITE_VERSION\s+"([^"]+)"/m.exec(header)[1];
  return {
    name: 'sqlite',
    version,
    licence: 'blessing',
    purl: `pkg:generic/sqlite@${version}`,
    texts: ['SQLite is in the public domain: https://www.sqlite.org/copyright.html'],
  };
}

function compilerComponent() {
  const version = run('g++', ['-dumpfullversion']).trim();
  return {
    name: 'libstdc++',
    version,
    licence: 'GPL-3.0-or-later WITH GCC-exception-3.1',
    purl: `pkg:generic/gcc@${version}`,
    texts: ['Linked into slapos-supervisord under the GCC Runtime Library Exception 3.1.'],
  };
}

/**
 * Of each wheel, and of what it carries of others in a folder _vendor: with metadata (setuptools), or
 * as lines of a list (pip, which has their licences among its own).
 */
const READ_WHEELS = `
import email, json, os, sys, zipfile
found = []
def licence(head):
    kinds = [c.split(" :: ")[-1] for c in head.get_all("Classifier", []) if c.startswith("License :: ")]
    return head["License-Expression"] or head["License"] or " AND ".join(kinds) or "unknown"
for name in sorted(os.listdir(sys.argv[1])):
    wheel = zipfile.ZipFile(os.path.join(sys.argv[1], name))
    names = wheel.namelist()
    infos = [n[:-len("METADATA")] for n in names if n.endswith(".dist-info/METADATA")]
    for info in sorted(infos, key=lambda n: (n.count("/"), n)):
        head = email.message_from_bytes(wheel.read(info + "METADATA"))
        texts = [wheel.read(n).decode("utf-8", "replace").rstrip() for n in names
                 if n.startswith(info) and "licen" in n[len(info):].lower() and not n.endswith("/")]
        found.append({"name": head["Name"], "version": head["Version"], "texts": texts,
                      "licence": licence(head)})
    for each in [n for n in names if n.endswith("/_vendor/vendor.txt")]:
        for line in wheel.read(each).decode().split():
            name, _, version = line.partition("==")
            if version: found.append({"name": name, "version": version, "texts": []})
print(json.dumps(found))`;

/** Names that SPDX gives to licences which a package spells its own way. */
const SPDX = { 'ZPL 2.1': 'ZPL-2.1', LGPLv3: 'LGPL-3.0-only', 'MIT License': 'MIT' };

/** What several carry in one version is one component, with the licence of who tells it. */
export function wheelComponents(wheels) {
  if (!existsSync(wheels)) return [];
  const components = new Map();
  for (const wheel of JSON.parse(run('/usr/bin/python3', ['-c', READ_WHEELS, wheels]))) {
    const purl = `pkg:pypi/${wheel.name.toLowerCase().replaceAll('_', '-')}@${wheel.version}`;
    const known = components.get(purl);
    const licence = known?.licence ?? SPDX[wheel.licence] ?? wheel.licence;
    const texts = [...new Set([...(known?.texts ?? []), ...wheel.texts])];
    components.set(purl, { ...wheel, ...known, licence, texts, purl });
  }
  return [...components.values()];
}

/** Node and what is compiled into it, which its own licence file covers. */
function nodeComponents(folder) {
  const versions = versionsInside(folder);
  const insides = Object.entries(versions).filter(
    ([name, version]) => !['node', 'modules', 'napi'].includes(name) && version !== '',
  );
  return [
    {
      name: 'node',
      version: versions.node,
      licence: 'MIT',
      purl: `pkg:generic/node@${versions.node}`,
      texts: [readFileSync(join(folder, 'LICENSE'), 'utf8').trimEnd()],
    },
    ...insides.map(([name, version]) => ({
      name: `node:${name}`,
      version,
      licence: undefined,
      purl: `pkg:generic/${encodeURIComponent(name)}@${encodeURIComponent(version)}`,
      texts: [],
    })),
  ];
}

/**
 * Everything that a package holds besides our own code.
 * @param options wheels: folder of wheels; node: folder of a bundled Node, or undefined
 */
export function listComponents({ wheels, node }) {
  return [
    ...npmComponents(),
    sqliteComponent(),
    compilerComponent(),
    ...wheelComponents(wheels),
    ...(node === undefined ? [] : nodeComponents(node)),
  ];
}

/** The list of licences, each component with its texts; equal texts once. */
export function renderLicences(components) {
  const bodies = new Map();
  for (const { name, version, texts } of components) {
    const body = texts.join('\n\n');
    if (body !== '') bodies.set(body, [...(bodies.get(body) ?? []), `${name} ${version}`]);
  }
  const listed = components
    .filter(({ licence }) => licence !== undefined)
    .map(({ name, version, licence }) => `${name} ${version}: ${licence}`);
  const rule = '-'.repeat(78);
  const parts = [...bodies].map(
    ([body, names]) => `${rule}\n${names.join(', ')}\n${rule}\n\n${body}\n`,
  );
  return (
    `${manifest.name} ${manifest.version} is GPL-3.0-or-later (LICENSE). It carries:\n\n` +
    `${listed.map((line) => `  ${line}\n`).join('')}\n${parts.join('\n')}`
  );
}
