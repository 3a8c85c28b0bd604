/** What the tests with upstream's programs share: the release of upstream's recipes and a network. */
import { execFileSync } from 'node:child_process';
import { cpSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { missingFacilities } from './facilities.ts';
import { findPublicPeerPython } from './peer-python.ts';

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

/** Others share the namespace. */
export function removeInteropBridge(): void {
  execFileSync('ip', ['link', 'delete', 'br0']);
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

/** What a node itself writes for this release, so that either program finds it as it left it. */
const WRITTEN = [
  'slappart0/buildout.cfg',
  'slappart0/.slapos-retention-lock-delay',
  'slappart0/.slapos-request-transaction-slappart0',
  'slappart1/buildout.cfg',
  'etc/supervisord.conf.d/slappart0.conf',
  'etc/supervisord.conf.d/slappart1.conf',
];
/** Only made by one of them, on purpose. */
const OWN =
  /__pycache__|[.]cache|etc\/plugin\/__init__[.]py$|[.](log|json)$|\/[.]slapgrid(\/promise|$)/;

/** The files of a node, their modes and what stands in them, without what differs from run to run. */
export function describeNode(folder: string): Readonly<Record<string, string>> {
  const plain = (text: string) =>
    text
      .replaceAll(folder, '<node>')
      .replace(/[0-9a-f]{32}/g, '<hash>')
      .replace(/::\w+/g, '<ip>');
  const names = ['slappart0', 'slappart1'].flatMap((partition) =>
    readdirSync(join(folder, 'instance', partition), { recursive: true, encoding: 'utf8' }).map(
      (name) => join(partition, name),
    ),
  );
  const modes = names
    .filter((name) => !OWN.test(name))
    .map((name) => [plain(name), lstatSync(join(folder, 'instance', name)).mode.toString(8)]);
  const contents = WRITTEN.map((name) => [`content of ${name}`, plain(settings(folder, name))]);
  return Object.fromEntries([...modes, ...contents]);
}

/** Without comments and empty lines, which mean nothing. */
function settings(folder: string, name: string): string {
  const lines = readFileSync(join(folder, 'instance', name), 'utf8').split('\n');
  return lines.filter((line) => line.trim() !== '' && !line.startsWith('#')).join('\n');
}
