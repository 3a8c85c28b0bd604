import { describe, expect, test } from 'vitest';
import { collectFolders, parseCollectSettings } from '../../../src/collect/settings.ts';
import type { Config } from '../../../src/config/config.ts';

type Sections = Readonly<Record<string, Readonly<Record<string, string>>>>;

function config(sections: Sections): Config {
  return {
    path: '/etc/slapos.cfg',
    sections: () => Object.keys(sections),
    hasSection: (section) => section in sections,
    get: (section, key) => sections[section]?.[key],
    items: (section) => new Map(Object.entries(sections[section] ?? {})),
    locate: () => ({ file: '/etc/slapos.cfg', line: 7 }),
  };
}

const slapos = { instance_root: '/srv/slapgrid', computer_id: 'COMP-1' };
const slapformat = {
  partition_amount: '2',
  user_base_name: 'slapuser',
  partition_base_name: 'slappart',
};

describe('parseCollectSettings', () => {
  test('defaults', () => {
    expect(parseCollectSettings(config({ slapos, slapformat }))).toEqual({
      instanceRoot: '/srv/slapgrid',
      computerId: 'COMP-1',
      cacheDays: 15,
      users: [
        { name: 'slapuser0', path: '/srv/slapgrid/slappart0' },
        { name: 'slapuser1', path: '/srv/slapgrid/slappart1' },
      ],
      taps: ['slaptap0', 'slaptap1'],
      computerModelId: 'no_model',
      heatingSensorId: undefined,
      folder: {
        isEnabled: true,
        pidFolder: '/srv/slapgrid/var/run',
        cycleS: 86400,
        isQuotaUsed: false,
      },
    });
  });

  test.each([
    ['True', true],
    ['ON', true],
    ['1', true],
    ['yes', false],
    ['false', false],
  ])('report_disk_usage = %s', (value, isEnabled) => {
    const collect = { report_disk_usage: value };
    const settings = parseCollectSettings(config({ slapos, slapformat, collect }));
    expect(settings.folder.isEnabled).toBe(isEnabled);
  });

  test('the misspelt key wins over the right one and over the example file', () => {
    const collect = {
      disk_snapshot_process_pid_foder: '/a',
      disk_snapshot_process_pid_folder: '/b',
      pid_folder: '/c',
      time_cycle: '60',
      use_quota: 'True',
    };
    const settings = parseCollectSettings(config({ slapos, slapformat, collect }));
    expect(settings.folder).toEqual({
      isEnabled: true,
      pidFolder: '/a',
      cycleS: 60,
      isQuotaUsed: true,
    });
  });

  test.each([
    [{ slapos: { computer_id: 'C' }, slapformat }, 'SLAPOS_ERR_CONFIG_KEY_MISSING'],
    [
      { slapos, slapformat: { ...slapformat, partition_amount: '' } },
      'SLAPOS_ERR_CONFIG_KEY_MISSING',
    ],
    [{ slapos, slapformat: { ...slapformat, partition_amount: 'ten' } }, 'SLAPOS_ERR_CONFIG_VALUE'],
    [{ slapos: { ...slapos, collect_cache: '-1' }, slapformat }, 'SLAPOS_ERR_CONFIG_VALUE'],
    [
      { slapos, slapformat, collect: { disk_snapshot_time_cycle: '1h' } },
      'SLAPOS_ERR_CONFIG_VALUE',
    ],
  ] as Array<[Sections, string]>)('%j is refused', (sections, code) => {
    expect(() => parseCollectSettings(config(sections))).toThrow(expect.objectContaining({ code }));
  });

  test('the folders of a run', () => {
    const settings = parseCollectSettings(config({ slapos, slapformat }));
    expect(collectFolders(settings)).toEqual({
      dataLog: '/srv/slapgrid/var/data-log',
      consumptionReport: '/srv/slapgrid/var/consumption-report',
      xmlReport: '/srv/slapgrid/var/xml_report/COMP-1',
    });
  });
});
