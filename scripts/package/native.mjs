// The compiled files that a package carries, for one processor: the addon and the keeper (Node-API:
// one build serves every Node), the BPF reader with its program, and SQLite for the ABI of each
// Node of long-term support. Built against pinned headers, without paths of this machine.
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { objectWrapHeader } from '../object-wrap-header.mjs';
import { abiOf, fetchNode, nodes } from './node.mjs';
import {
  digestOf,
  manifest,
  packageFolder,
  requirePackages,
  root,
  run,
  say,
  whenChanged,
} from './work.mjs';

const sqlite = join(root, 'node_modules/better-sqlite3');
const gyp = join(root, 'node_modules/node-gyp/bin/node-gyp.js');
const BPF_FILES = ['slapos_bpf.node', 'slapos_task_iter.bpf.o'];

const toolchains = {
  native: { prefix: '', needs: { 'g++': 'g++', make: 'make', '/usr/bin/python3': 'python3' } },
  cross: {
    prefix: 'aarch64-linux-gnu-',
    needs: {
      make: 'make',
      '/usr/bin/python3': 'python3',
      'aarch64-linux-gnu-g++': 'g++-aarch64-linux-gnu',
    },
  },
};
const bpfNeeds = {
  clang: 'clang',
  '/usr/include/bpf/libbpf.h': 'libbpf-dev',
};

/** Environment of a build in `folder` whose path shall not be seen in what it makes. */
function environment(prefix, folder) {
  const env = { ...process.env, LC_ALL: 'C', SOURCE_DATE_EPOCH: '0' };
  // node-gyp prefers what npm hands on of the user's configuration to its own options.
  for (const name of Object.keys(env)) {
    if (/^npm_(config|package_config_node_gyp)_(nodedir|target|disturl|dist_url)$/i.test(name)) {
      delete env[name];
    }
  }
  const flags = `-ffile-prefix-map=${folder}=. -ffile-prefix-map=${root}=.`;
  Object.assign(env, { CFLAGS: flags, CXXFLAGS: flags, LDFLAGS: '-Wl,--build-id=none' });
  if (prefix !== '') {
    Object.assign(env, { CC: `${prefix}gcc`, CXX: `${prefix}g++`, AR: `${prefix}ar` });
    Object.assign(env, { LINK: `${prefix}g++`, CC_host: 'gcc', CXX_host: 'g++' });
  }
  return env;
}

function nodeGyp(folder, arch, headers, env, words = []) {
  const common = [`--arch=${arch}`, `--nodedir=${headers}`, '--loglevel=error'];
  run(process.execPath, [gyp, 'configure', ...common, '--', ...words], { cwd: folder, env });
  run(process.execPath, [gyp, 'build', ...common, '--jobs=2'], { cwd: folder, env });
  return join(folder, 'build', 'Release');
}

function freshFolder(name) {
  const folder = join(packageFolder, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Addon, keeper and, where its libraries are, the BPF reader. */
function buildOwn(arch, prefix, hasBpf, target) {
  const folder = freshFolder(`work-${arch}`);
  const headers = fetchNode(arch, nodes.oldest);
  cpSync(join(root, 'native'), join(folder, 'native'), { recursive: true });
  copyFileSync(join(root, 'binding.gyp'), join(folder, 'binding.gyp'));
  const { name, version } = manifest;
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version }));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const words = [`-Dhas_bpf=${hasBpf ? 1 : 0}`];
  const built = nodeGyp(folder, arch, headers, environment(prefix, folder), words);
  const files = ['slapos_native.node', 'slapos-supervisord', ...(hasBpf ? BPF_FILES : [])];
  for (const file of files) copyFileSync(join(built, file), join(target, file));
  rmSync(folder, { recursive: true });
  return files;
}

/** Compile-time options of SQLite, as better-sqlite3 lists them. */
function sqliteOptions() {
  const text = run('/usr/bin/python3', [
    '-c',
    'import ast, sys; print(chr(10).join(ast.literal_eval(open(sys.argv[1]).read())["defines"]))',
    join(sqlite, 'deps/defines.gypi'),
  ]);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => `-D${line}`);
}

/** One module for each ABI; SQLite itself, which takes longest, is compiled once. */
function buildSqlite(arch, prefix, target) {
  const folder = freshFolder(`work-sqlite-${arch}`);
  for (const part of ['src', 'deps']) {
    cpSync(join(sqlite, part), join(folder, part), { recursive: true });
  }
  copyFileSync(new URL('sqlite.gyp', import.meta.url), join(folder, 'binding.gyp'));
  writeFileSync(join(folder, 'package.json'), '{}');
  const env = environment(prefix, folder);
  const flags = ['-std=c99', '-w', '-fPIC', '-O3', '-DNDEBUG', '-pthread', ...sqliteOptions()];
  const compiler = (env['CC'] ?? 'gcc').split(' ');
  const words = [...compiler.slice(1), ...flags, '-c', 'deps/sqlite3/sqlite3.c', '-o', 'sqlite3.o'];
  run(compiler[0], words, { cwd: folder, env });
  const files = Object.keys(nodes.integrity[arch]).map((version) => {
    say(`SQLite for Node ${version} on ${arch}`);
    const headers = fetchNode(arch, version);
    writeFileSync(join(folder, 'node_object_wrap.h'), objectWrapHeader(headers));
    const built = nodeGyp(folder, arch, headers, env);
    const file = `better_sqlite3-${abiOf(headers)}.node`;
    copyFileSync(join(built, 'better_sqlite3.node'), join(target, file));
    rmSync(join(folder, 'build'), { recursive: true });
    return file;
  });
  rmSync(folder, { recursive: true });
  return files;
}

function strip(prefix, target, files) {
  const programs = files.filter((file) => !file.endsWith('.bpf.o'));
  run(`${prefix}strip`, ['--strip-unneeded', ...programs.map((file) => join(target, file))]);
}

/**
 * Builds what is not there yet and returns the folder with all compiled files for `arch`.
 * @param arch x64 or arm64; the one that is not this machine's is cross-compiled
 */
export function buildPrebuilt(arch) {
  const isNative = arch === process.arch;
  const { prefix, needs } = isNative ? toolchains.native : toolchains.cross;
  if (!isNative && arch !== 'arm64') throw new Error(`no cross-compiler is known for ${arch}`);
  requirePackages({ ...needs, ...(isNative ? bpfNeeds : {}) });
  const target = join(packageFolder, 'prebuilt', `linux-${arch}`);
  const inputs = ['native', 'binding.gyp', 'scripts/package/nodes.json'];
  inputs.push('scripts/package/native.mjs', 'scripts/package/sqlite.gyp');
  inputs.push('scripts/object-wrap-header.mjs');
  const paths = inputs.map((name) => join(root, name)).filter((path) => existsSync(path));
  const tools = [
    manifest.version,
    run(`${prefix}g++`, ['--version']),
    isNative ? run('clang', ['--version']) : '',
  ];
  const digest = digestOf([...paths, join(sqlite, 'package.json')], tools);
  whenChanged(target, digest, () => {
    freshFolder(join('prebuilt', `linux-${arch}`));
    say(`addon and keeper for ${arch}`);
    strip(prefix, target, buildOwn(arch, prefix, isNative, target));
    strip(prefix, target, buildSqlite(arch, prefix, target));
  });
  return target;
}
