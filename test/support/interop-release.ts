/** What the tests with upstream's programs share: the release of upstream's recipes and a network. */
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/host/native.ts';
import { findPublicPeerPython } from './peer-python.ts';
import { missingFacilities } from './requires.ts';

const MODULES = [
  'zc.buildout.buildout',
  'slapos.cli.entry',
  'slapos.recipe.slapconfiguration',
  'slapos.recipe.template',
  'slapos.recipe.build',
  'slapos.promise.plugin.check_url_available',
];

/** A Python with upstream's node and recipes in a namespace where a node can be made. */
export function findInteropPython(): { python: string } | { reason: string } {
  const [missing] = missingFacilities(['root', 'netns']);
  if (missing !== undefined) return { reason: `needs ${missing.facility} (${missing.reason})` };
  return findPublicPeerPython(...MODULES);
}

/** A bridge with an address, as `interface_name` wants it. */
export function createInteropBridge(): void {
  for (const words of [
    'link add br0 type bridge',
    'link set br0 up',
    'address add 2001:db8:a::1/48 dev br0 nodad',
  ]) {
    execFileSync('ip', words.split(' '));
  }
}

/** Copies the release to a folder that all users can read and gives its URL. */
export function copyInteropRelease(folder: string): string {
  cpSync(join(packageRoot(), 'test', 'fixtures', 'interop-release'), folder, { recursive: true });
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll('@folder@', folder));
  }
  return join(folder, 'software.cfg');
}
