import { describe, expect, it } from 'vitest';
import { DEFAULT_SERVICE_SETTINGS, NO_LIMITS } from '../../../../src/config/service-settings.ts';
import { encodeServiceSpawn } from '../../../../src/host/keeper/keeper.ts';
import {
  isConfined,
  listMissing,
  mayHidePublicTmp,
  planConfinement,
  storageFolders,
} from '../../../../src/supervisor/configuration/confinement.ts';
import {
  parseServiceSection,
  renderServiceSection,
} from '../../../../src/supervisor/configuration/service-section.ts';
import { renderMainFile, supervisorPaths } from '../../../../src/supervisor/layout.ts';
import { ServiceConfiner } from '../../../../src/supervisor/process/service-confiner.ts';
import { processConfig } from '../../../support/supervisor-config.ts';

const STRICT = {
  ...DEFAULT_SERVICE_SETTINGS,
  profile: 'strict' as const,
  softwareRoot: '/opt/50%',
  storageHome: '/mnt/disks',
};
const SERVICE = processConfig({ uid: 1001, directory: '/srv/slapgrid/slappart0' });
const CONTROLLERS = { cgroup: '/sys/fs/cgroup/x', controllers: ['memory', 'cpu'] };
const ALL = { landlock: 7, mounts: true, seccomp: true, ...CONTROLLERS };
const NONE = { landlock: 0, mounts: false, seccomp: false, cgroup: '', controllers: [] };

describe('the strict profile', () => {
  it('is for programs of partitions', () => {
    expect(isConfined(STRICT, SERVICE)).toBe(true);
    expect(isConfined(DEFAULT_SERVICE_SETTINGS, SERVICE)).toBe(false);
    expect(isConfined(STRICT, processConfig({ uid: 0, directory: '/' }))).toBe(false);
    expect(isConfined(STRICT, processConfig({ directory: '/srv' }))).toBe(false);
    expect(isConfined(STRICT, processConfig({ uid: 1001 }))).toBe(false);
  });

  it('allows writing in the partition, on its disks and in its own /tmp', () => {
    const storage = storageFolders(STRICT, SERVICE, ['data0']);
    expect(storage).toEqual(['/mnt/disks/data0/slappart0']);
    expect(planConfinement(STRICT, SERVICE, ALL, { privateTmp: '/p/t', storage })).toEqual({
      isNoNewPrivs: true,
      isCallFiltered: true,
      writable: ['/srv/slapgrid/slappart0', '/mnt/disks/data0/slappart0', '/p/t'],
      readOnly: ['/opt/50%'],
      privateTmp: '/p/t',
    });
  });

  it('is what the machine can do, and says what it cannot', () => {
    expect(planConfinement(STRICT, SERVICE, NONE, { privateTmp: undefined, storage: [] })).toEqual({
      isNoNewPrivs: true,
      isCallFiltered: false,
      writable: undefined,
      readOnly: [],
      privateTmp: undefined,
    });
    expect(listMissing(STRICT, NONE)).toHaveLength(3);
    expect(listMissing(DEFAULT_SERVICE_SETTINGS, NONE)).toEqual([]);
    const limited = {
      ...DEFAULT_SERVICE_SETTINGS,
      limits: { ...NO_LIMITS, memoryMax: '1', pidsMax: '9' },
    };
    expect(listMissing(limited, ALL)).toEqual([
      'pids_max: the pids controller of cgroup v2 is not available, no limit',
    ]);
    // The first version refuses every rename between folders.
    expect(listMissing(STRICT, { ...ALL, landlock: 1 })).toHaveLength(1);
    expect(listMissing(STRICT, { ...ALL, landlock: 2 })).toEqual([]);
  });

  it('hides no /tmp that the service needs', () => {
    const may = (config = SERVICE, command = '/bin/x', abilities = ALL) =>
      mayHidePublicTmp(STRICT, config, command, abilities);
    expect(may()).toBe(true);
    expect(may(processConfig({ uid: 1, directory: '/tmp/node/slappart0' }))).toBe(false);
    expect(may(SERVICE, '/var/tmp/program')).toBe(false);
    expect(may(SERVICE, '/bin/x', NONE)).toBe(false);
  });

  it('travels to the keeper', () => {
    const confinement = planConfinement(STRICT, SERVICE, ALL, { privateTmp: '/t', storage: [] });
    const request = { name: 'g:x', file: '/bin/x', args: ['x'], env: [], confinement };
    const { fields } = encodeServiceSpawn(1, request).message;
    expect(fields).toEqual(
      expect.arrayContaining([
        ['no-new-privs', '1'],
        ['writable', '/srv/slapgrid/slappart0'],
        ['writable', '/t'],
        ['read-only', '/opt/50%'],
        ['private-tmp', '/t'],
        ['seccomp', '1'],
      ]),
    );
  });
});

describe('section [slapos] of the main file', () => {
  it('is not written without settings, so that the file is that of upstream', () => {
    const paths = supervisorPaths('/srv/slapgrid');
    const plain = renderMainFile(paths, paths.socket, 'w');
    expect(renderMainFile(paths, paths.socket, 'w', DEFAULT_SERVICE_SETTINGS)).toBe(plain);
    expect(plain).not.toContain('[slapos]');
    expect(renderMainFile(paths, paths.socket, 'w', STRICT)).toBe(
      `${plain}\n[slapos]\nservice_profile = strict\nsoftware_root = /opt/50%%\ninstance_storage_home = /mnt/disks\n`,
    );
  });

  it('is read as it was written', () => {
    const limits = { memoryMax: '1024', cpuMax: '150000 100000', pidsMax: 'max' };
    const settings = { ...STRICT, limits };
    const values = new Map(
      renderServiceSection(settings)
        .split('\n')
        .filter((line) => line.includes(' = '))
        .map((line) => line.split(' = ') as [string, string]),
    );
    const get = (key: string) => values.get(key)?.replaceAll('%%', '%');
    expect(parseServiceSection(get)).toEqual(settings);
    expect(parseServiceSection(() => undefined)).toEqual(DEFAULT_SERVICE_SETTINGS);
    expect(renderServiceSection({ ...DEFAULT_SERVICE_SETTINGS, limits: NO_LIMITS })).toBe('');
  });

  it('refuses what it never holds', () => {
    expect(() => parseServiceSection((key) => (key === 'pids_max' ? 'x' : undefined))).toThrow();
    expect(() =>
      parseServiceSection((key) => (key === 'service_profile' ? 'x' : undefined)),
    ).toThrow('no such service_profile');
  });
});

describe('limits of groups that are taken over', () => {
  const confiner = (cgroup: string) =>
    new ServiceConfiner({
      settings: () => STRICT,
      abilities: { ...ALL, cgroup },
      tmpFolders: { ensure: () => '/p/t' },
    });
  const process = (groupName: string, uid?: number) => ({
    groupName,
    config: processConfig(uid === undefined ? {} : { uid, directory: '/' }),
  });
  const living = [process('a', 1001), process('a', 1001), undefined, process('b'), process('c', 0)];

  it('are those of each partition, once', () => {
    expect([...confiner('/sys/fs/cgroup/x').groupLimits(living)]).toEqual([['a', STRICT.limits]]);
  });

  it('are none without cgroups', () => {
    expect(confiner('').groupLimits(living).size).toBe(0);
  });
});
