/** A partition in a temporary folder, with its Master, supervisor and commands in memory. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { FirewallSettings } from '../../src/config/firewall-settings.ts';
import type { ManagerSettings } from '../../src/config/manager-settings.ts';
import type { GridContext, ManagedPartition } from '../../src/grid/context.ts';
import { createQueue } from '../../src/grid/queue.ts';
import { createHostFiles } from '../../src/host/folder/host-files.ts';
import { openOwnedFolder } from '../../src/host/folder/owned-folder.ts';
import type { ServiceSupervisor } from '../../src/instance/service-supervisor.ts';
import type { ManagerParts } from '../../src/manager/parts.ts';
import { createFakeFirewall } from './fake-firewall.ts';
import { createFakeMaster } from './fake-master.ts';
import { slapPartition } from './slap-partition.ts';

export interface ManagerSceneOptions {
  readonly settings?: Partial<ManagerSettings>;
  readonly firewall?: FirewallSettings;
  readonly path?: string;
}

export function createManagerScene({ settings, firewall, path }: ManagerSceneOptions = {}) {
  const root = mkdtempSync(join(tmpdir(), 'managers-'));
  const home = join(root, 'part1');
  mkdirSync(home);
  mkdirSync(join(root, 'etc', 'supervisord.conf.d'), { recursive: true });
  const said: string[] = [];
  const calls: string[] = [];
  const note = (level: string) => (text: string) => void said.push(`${level} ${text}`);
  const log = { debug() {}, info: note('INFO'), warning: note('WARNING'), error: note('ERROR') };
  const commands = createFakeFirewall();
  let groups: readonly string[] = [];
  const supervisor = {
    async update() {
      calls.push('update');
      groups = readdirSync(join(root, 'etc', 'supervisord.conf.d'));
    },
    async startUnstarted(group: string) {
      calls.push(`startUnstarted ${group}`);
      return groups.includes(`${group}.conf`);
    },
  } as unknown as ServiceSupervisor;
  const context = {
    master: createFakeMaster(),
    options: { computerId: 'COMP-1', instanceRoot: root },
    host: { isRoot: false, run: commands.run, openFolder: openOwnedFolder },
    env: { PATH: path ?? '/usr/bin:/bin' },
    log,
  } as unknown as GridContext;
  const partition = {
    id: 'part1',
    wish: slapPartition({ partitionId: 'part1' }),
    folder: openOwnedFolder(home),
    owner: { uid: 1234, gid: 1235, groups: [1235], name: 'user1', home },
    log,
  } as unknown as ManagedPartition;
  const parts: ManagerParts = {
    settings: { names: [], powerUsers: [], allowedDisks: undefined, ...settings },
    firewall,
    inTurn: createQueue(),
    files: createHostFiles(),
    openSupervisor: async () => supervisor,
  };
  return {
    root,
    home,
    /** What was logged, as `LEVEL text`. */
    said,
    /** What the supervisor was asked. */
    calls,
    commands,
    context,
    partition,
    parts,
    write(file: string, text: string) {
      mkdirSync(dirname(join(home, file)), { recursive: true });
      writeFileSync(join(home, file), text);
    },
    read: (file: string) => readFileSync(join(root, file), 'utf8'),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

export type ManagerScene = ReturnType<typeof createManagerScene>;
