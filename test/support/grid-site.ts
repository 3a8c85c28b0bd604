/**
 * A small node in the private namespace: users, folders and settings, with a Master in memory and a
 * stand-in for the supervisor. Its software is a shell script that does what the partition's file
 * `plan` says, so that passes take milliseconds.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { readGridOptions } from '../../src/config/grid-options.ts';
import { parseConfig } from '../../src/config/read.ts';
import type { Firewall, GridContext, GridProgress, Manager } from '../../src/grid/context.ts';
import { createGridHost } from '../../src/host/create-grid-host.ts';
import type { Logger } from '../../src/log/logger.ts';
import type { SlapMaster, SlapPartition } from '../../src/slap/master.ts';
import { softwarePath } from '../../src/software/release.ts';
import { createFakeMaster } from './fake-master.ts';
import { appendToEtc, writeToEtc } from './private-etc.ts';
import { slapPartition } from './slap-partition.ts';
import { createStandInSupervisor } from './stand-in-supervisor.ts';

const ROOT = '/srv/grid-site';
export const SOFTWARE = 'https://host/software.cfg';
export const SOFTWARE_UID = 70_000;

/** The uid of a partition's user, which is its gid too. */
export function partitionUid(index: number): number {
  return SOFTWARE_UID + 1 + index;
}

/**
 * Runs in the partition: `plan` is sourced, then services that are missing are written. A service
 * waits for ever; a run script notes that it ran.
 */
const BUILDOUT = `#!/bin/sh
set -e
[ -e plan ] && . ./plan
mkdir -p etc/run etc/service etc/promise
# What is being started cannot be written to.
rm -f etc/run/once etc/service/wait
cat > etc/service/wait <<'END'
#!/bin/sh
exec /bin/sleep 1000
END
cat > etc/run/once <<'END'
#!/bin/sh
/usr/bin/id -u > ran-as
END
chmod 700 etc/service/wait etc/run/once
env > environment
umask > umask
`;

/** A logger that keeps its lines as `LEVEL message`. */
export function recordingLogger(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const at = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  const logger = {
    lines,
    debug: at('DEBUG'),
    info: at('INFO'),
    warning: at('WARNING'),
    error: at('ERROR'),
    critical: at('CRITICAL'),
    child: () => logger,
  };
  return logger;
}

export interface SiteOptions {
  readonly partitions?: number;
  /** Lines of section [slapos]. */
  readonly settings?: string;
  readonly cli?: Record<string, string | number | boolean>;
  readonly master?: SlapMaster;
  readonly managers?: readonly Manager[];
  readonly firewall?: Firewall;
}

/** Makes everything anew. */
export function createGridSite({ partitions = 1, settings = '', ...given }: SiteOptions = {}) {
  const site = `${ROOT}-${Math.random().toString(36).slice(2)}`;
  const instanceRoot = join(site, 'instance');
  const softwareRoot = join(site, 'software');
  for (const path of [site, instanceRoot, softwareRoot]) mkdirSync(path, { mode: 0o755 });
  mkdirSync(join(instanceRoot, 'etc', 'supervisord.conf.d'), { recursive: true });
  mkdirSync(join(instanceRoot, 'var'));
  addUser('sitesoft', SOFTWARE_UID);
  chownSync(softwareRoot, SOFTWARE_UID, SOFTWARE_UID);
  joinGroup('sitesoft', partitions);
  const names = Array.from({ length: partitions }, (_, index) => `slappart${index}`);
  for (const [index, name] of names.entries()) {
    addUser(`siteuser${index}`, partitionUid(index));
    const path = join(instanceRoot, name);
    mkdirSync(path, { mode: 0o750 });
    chmodSync(path, 0o750);
    chownSync(path, partitionUid(index), partitionUid(index));
  }
  const master = createFakeMaster();
  master.partitions = names.map((partitionId) => slapPartition({ partitionId }));
  const supervisor = createStandInSupervisor(instanceRoot);
  const log = recordingLogger();
  const progress: GridProgress[] = [];
  const text = `[slapos]\ncomputer_id = COMP-1\nmaster_url = http://master/\nsoftware_root = ${softwareRoot}\ninstance_root = ${instanceRoot}\ninstance_min_free_space = 0\nsoftware_min_free_space = 0\n${settings}`;
  return {
    root: site,
    instanceRoot,
    softwareRoot,
    master,
    supervisor,
    log,
    /** What a progress bar would have been told. */
    progress,
    openSupervisor: async () => supervisor,
    path: (...parts: readonly string[]) => join(instanceRoot, ...parts),
    read: (...parts: readonly string[]) => readFileSync(join(instanceRoot, ...parts), 'utf8'),
    exists: (...parts: readonly string[]) => existsSync(join(instanceRoot, ...parts)),
    /** Writes a file as the partition's user would. */
    write(index: number, path: string, content: string, mode = 0o644) {
      const file = join(instanceRoot, `slappart${index}`, path);
      const folders = path.split('/').slice(0, -1);
      folders.forEach((_, depth) => {
        const folder = join(instanceRoot, `slappart${index}`, ...folders.slice(0, depth + 1));
        if (existsSync(folder)) return;
        mkdirSync(folder);
        chownSync(folder, partitionUid(index), partitionUid(index));
      });
      writeFileSync(file, content);
      chmodSync(file, mode);
      chownSync(file, partitionUid(index), partitionUid(index));
    },
    /** Changes what the Master wants of a partition. */
    wish(index: number, changes: Partial<SlapPartition>) {
      master.partitions = master.partitions.map((each, position) =>
        position === index ? { ...each, ...changes } : each,
      );
    },
    installSoftware: () => installSoftware(softwareRoot),
    context(
      cli: Record<string, string | number | boolean> = {},
      signal = new AbortController().signal,
    ): GridContext {
      return {
        options: readGridOptions(parseConfig(text, 'slapos.cfg'), { ...given.cli, ...cli }),
        master: given.master ?? master,
        host: createGridHost(),
        log,
        progress: (state) => void progress.push(state),
        env: { PATH: '/usr/bin:/bin', LANG: 'fr_FR', PYTHONPATH: '/x' },
        now: () => new Date(),
        random: Math.random,
        signal,
        jobs: 2,
        managers: given.managers ?? [],
        firewall: given.firewall,
      };
    },
    async remove() {
      await supervisor.stopAll();
      rmSync(site, { recursive: true, force: true });
    },
  };
}

export type GridSite = ReturnType<typeof createGridSite>;

function addUser(name: string, id: number): void {
  if (readFileSync('/etc/passwd', 'utf8').includes(`\n${name}:`)) return;
  appendToEtc('passwd', `${name}:x:${id}:${id}::/srv:/bin/false\n`);
  appendToEtc('group', `${name}:x:${id}:\n`);
}

/** Partitions read the software through its group, as `node format` arranges it. */
function joinGroup(group: string, partitions: number): void {
  const users = Array.from({ length: partitions }, (_, index) => `siteuser${index}`);
  const lines = readFileSync('/etc/group', 'utf8').split('\n');
  const changed = lines.map((line) =>
    line.startsWith(`${group}:`) ? `${group}:x:${SOFTWARE_UID}:${users.join(',')}` : line,
  );
  writeToEtc('group', changed.join('\n'));
}

function installSoftware(softwareRoot: string): void {
  const path = softwarePath(softwareRoot, SOFTWARE);
  mkdirSync(join(path, 'bin'), { recursive: true });
  writeFileSync(join(path, 'instance.cfg'), '[buildout]\nparts =\n');
  writeFileSync(join(path, 'bin', 'buildout'), BUILDOUT, { mode: 0o755 });
}
