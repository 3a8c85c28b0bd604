import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/read.ts';
import {
  DEFAULT_SERVICE_SETTINGS,
  parseCpuMax,
  parseMemoryMax,
  parsePidsMax,
  readServiceSettings,
} from '../../../src/config/service-settings.ts';

const read = (lines: string) => readServiceSettings(parseConfig(`[slapos]\n${lines}`, 's.cfg'));

describe('settings of services', () => {
  it('are the default when nothing is said', () => {
    expect(read('')).toEqual(DEFAULT_SERVICE_SETTINGS);
    expect(read('service_profile =\npids_max =\n')).toEqual(DEFAULT_SERVICE_SETTINGS);
  });

  it('are what the kernel takes', () => {
    const text = `software_root = /opt/s
instance_storage_home = /mnt/disks
service_profile = strict
cgroup_memory_max = 2G
cgroup_cpu_max = 1.5
pids_max = 400
`;
    expect(read(text)).toEqual({
      profile: 'strict',
      softwareRoot: '/opt/s',
      storageHome: '/mnt/disks',
      limits: { memoryMax: '2147483648', cpuMax: '150000 100000', pidsMax: '400' },
    });
  });

  it.each([
    ['service_profile = lax', /No such profile: lax/],
    ['cgroup_memory_max = much', /'much' is no limit/],
    ['cgroup_cpu_max = two', /'two' is no limit/],
    ['pids_max = -1', /'-1' is no limit/],
  ])('refuse %s', (line, message) => {
    expect(() => read(`${line}\n`)).toThrow(message);
  });
});

describe('limits', () => {
  it('of memory are sizes', () => {
    expect(['512M', 'max', '0', '1', '9'.repeat(40)].map(parseMemoryMax)).toEqual([
      '536870912',
      'max',
      undefined,
      '1',
      undefined,
    ]);
  });

  it('of the processor are numbers of them', () => {
    expect(['0.5', ' 2 ', '0.009', 'max', '50%', '1'.repeat(20)].map(parseCpuMax)).toEqual([
      '50000 100000',
      '200000 100000',
      undefined,
      'max 100000',
      undefined,
      undefined,
    ]);
  });

  it('of processes are numbers', () => {
    expect(['max', '7', '0', '07', 'x', '4194305'].map(parsePidsMax)).toEqual([
      'max',
      '7',
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
