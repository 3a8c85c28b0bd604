// The control files of the Debian package, and what makes its contents reproducible: modes and
// dates that do not depend on who builds it and when.
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow, manifest, run } from './work.mjs';

const CONFFILES = ['/etc/default/slapos-node', '/etc/logrotate.d/slapos-node'];
const SCRIPTS = ['preinst', 'postinst', 'prerm', 'postrm'];
/** libc as new as Debian 12's, which the compiled files are linked with. */
const DEPENDS = [
  ...['libc6 (>= 2.36)', 'libstdc++6 (>= 12)', 'libgcc-s1', 'libatomic1'],
  ...['python3 (>= 3.10)', 'python3-venv'],
];

/**
 * Upstream's package has the same name and higher versions. With an epoch ours is newer than any of
 * them, so that it is installed over it: a removal of upstream's deletes /opt/slapos, a purge also
 * /etc/opt/slapos.
 */
export const debianVersion = `1:${manifest.version}`;

/** Nobody's: whoever gives a package to others says who they are. */
const NOBODY = 'slapos-node maintainers <maintainers@slapos-node.invalid>';

/**
 * `Name <address>` of who makes a package.
 * @param given on the command line, else as Debian's own tools take it (debchange(1)): DEBEMAIL,
 *   which may hold the name too, and DEBFULLNAME
 * @throws Error for what is no name with an address
 */
export function findMaintainer(given, env) {
  const { DEBEMAIL: email = '', DEBFULLNAME: name = '' } = env;
  const [, own = '', address = email] = /^(.*?)\s*<(.*)>$/.exec(email) ?? [];
  const text = given ?? (email === '' ? NOBODY : `${name || own} <${address}>`);
  if (/^[^\s<>,][^<>,\p{Cc}]* <[^\s<>@]+@[^\s<>@]+>$/u.test(text)) return text;
  throw new Error(`${text} is no maintainer: write NAME <ADDRESS>, or DEBFULLNAME and DEBEMAIL`);
}

export function renderControl(architecture, installedKib, maintainer) {
  return `Package: slapos-node
Version: ${debianVersion}
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${installedKib}
Depends: ${[...DEPENDS, ...(architecture === 'amd64' ? ['libbpf1'] : [])].join(', ')}
Recommends: ca-certificates, iproute2, logrotate, systemd | cron
Suggests: bash-completion
Section: admin
Priority: optional
Description: node of the SlapOS cloud
 Turns a Linux host into isolated computer partitions, each with a user, a home,
 addresses and a tap, installs software releases in them, supervises their
 services, checks their promises, records what each consumes, and obeys a SlapOS
 Master, which may be its own.
 .
 It brings the Node.js that it runs on. Nothing is started before
 slapos-node.target is enabled.
`;
}

/** Writes DEBIAN/ but for the checksums. */
export function writeControl(folder, architecture, data, maintainer) {
  const debian = join(folder, 'DEBIAN');
  mkdirSync(debian);
  const [installedKib] = run('du', ['-sk', '--apparent-size', '--exclude=DEBIAN', folder]).split(
    '\t',
  );
  writeFileSync(join(debian, 'control'), renderControl(architecture, installedKib, maintainer));
  writeFileSync(join(debian, 'conffiles'), CONFFILES.map((path) => `${path}\n`).join(''));
  cpSync(join(data, 'triggers'), join(debian, 'triggers'));
  for (const name of SCRIPTS) cpSync(join(data, name), join(debian, name));
}

/** Checksums, modes and dates: the last thing before the archive is made. */
export function finishDebianFolder(folder, dateS) {
  const files = filesBelow(folder).filter((name) => !name.startsWith('DEBIAN/'));
  const sums = files
    .filter((name) => lstatSync(join(folder, name)).isFile())
    .map((name) => {
      const digest = createHash('md5')
        .update(readFileSync(join(folder, name)))
        .digest('hex');
      return `${digest}  ${name}\n`;
    });
  writeFileSync(join(folder, 'DEBIAN/md5sums'), sums.join(''));
  run('find', [folder, '-type', 'd', '-exec', 'chmod', '0755', '{}', '+']);
  for (const name of SCRIPTS) chmodSync(join(folder, 'DEBIAN', name), 0o755);
  for (const name of ['control', 'conffiles', 'triggers', 'md5sums']) {
    chmodSync(join(folder, 'DEBIAN', name), 0o644);
  }
  chmodSync(join(folder, 'var/log/slapos-node'), 0o750);
  run('find', [folder, '-exec', 'touch', '--no-dereference', `--date=@${dateS}`, '{}', '+']);
}
