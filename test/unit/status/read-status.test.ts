import { chmodSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/read.ts';
import { KEPT_DOCUMENT, renderKeptDocument } from '../../../src/grid/kept-document.ts';
import type { SlapPartition } from '../../../src/slap/master.ts';
import { readNodeStatus } from '../../../src/status/read-status.ts';
import { parseStatusSettings } from '../../../src/status/settings.ts';
import type { StatusSources } from '../../../src/status/sources.ts';
import { slapPartition } from '../../support/slap-partition.ts';
import { RESULTS, renderResult, StatusSite } from '../../support/status-site.ts';

describe('readNodeStatus', () => {
  let site: StatusSite;
  let sources: StatusSources;

  beforeEach(() => {
    site = new StatusSite();
    sources = site.open({}, { partitionAmount: 2 });
  });
  afterEach(() => site.remove());

  const writeDocument = (
    partitions: readonly SlapPartition[],
    masterUrl?: string,
    mode = 0o600,
  ) => {
    const source = { computerId: 'COMP-1', masterUrl: masterUrl ?? sources.settings.masterUrl };
    const computer = { computerId: 'COMP-1', softwareReleases: [], partitions };
    chmodSync(site.write(KEPT_DOCUMENT, renderKeptDocument(source, '"1"', computer)), mode);
    chmodSync(site.path('var'), 0o755);
  };

  it('tells of what is missing why, and of the rest what there is', async () => {
    site.write(`slappart1/${RESULTS}/check.status.json`, renderResult('bad', true));
    for (const name of ['slappart10', 'slappart01', 'slappartx', 'other3']) {
      mkdirSync(site.path(name));
    }
    site.write('slappart11', 'a file');
    const status = await readNodeStatus(sources);
    expect(status.partitions.map(({ problems, reference }) => [reference, problems])).toEqual([
      ['slappart0', ['Its folder does not exist: `slapos node format` makes it.']],
      ['slappart1', undefined],
      ['slappart10', undefined],
      ['slappart11', ['Its folder is no folder.']],
    ]);
    expect(status.partitions[0]).toMatchObject({ uid: null, user: '', instance: null });
    expect(status.partitions[1]).toMatchObject({
      path: site.path('slappart1'),
      uid: process.getuid?.(),
      instance: null,
      services: [],
      consumption: null,
      promises: [{ title: 'check', hasFailed: true, message: 'bad' }],
    });
    expect(status).toMatchObject({
      computerId: 'COMP-1',
      instanceRoot: site.root,
      supervisor: { isAvailable: false, reason: expect.stringContaining('does not run') },
      document: { isAvailable: false, reason: expect.stringContaining('told nothing yet') },
      consumption: { isAvailable: false, source: 'none' },
    });
    expect(status.problems).toBeUndefined();
  });

  it('tells what the Master wants where, as its document changes', async () => {
    const wish = slapPartition({
      partitionId: 'slappart1',
      instanceGuid: 'SOFTINST-1',
      softwareReleaseUrl: 'https://host/software.cfg',
      requestedState: 'stopped',
      parameters: { instance_title: 'mine', slap_software_type: 'RootSoftwareInstance' },
    });
    const free = slapPartition({
      partitionId: 'slappart0',
      softwareReleaseUrl: null,
      instanceGuid: null,
    });
    writeDocument([free, wish]);
    const read = async () => (await readNodeStatus(sources)).partitions.map((one) => one.instance);
    expect(await read()).toEqual([
      null,
      {
        title: 'mine',
        reference: 'SOFTINST-1',
        softwareUrl: 'https://host/software.cfg',
        softwareType: 'RootSoftwareInstance',
        requestedState: 'stopped',
      },
    ]);
    writeDocument([{ ...wish, title: 'of the Master itself' }]);
    expect((await read())[1]?.title).toBe('of the Master itself');
    rmSync(site.path(KEPT_DOCUMENT));
    expect(await read()).toEqual([null, null]);
  });

  it.each([
    ['of another Master', 'http://other/', 0o600],
    ['that others may write', undefined, 0o622],
  ])('heeds no document %s', async (_, masterUrl, mode) => {
    writeDocument([slapPartition({ partitionId: 'slappart1' })], masterUrl, mode);
    const { document, partitions } = await readNodeStatus(sources);
    expect(document?.isAvailable).toBe(false);
    expect(partitions.map(({ instance }) => instance)).toEqual([null, null]);
  });

  it('heeds no document that is a link or broken', async () => {
    writeDocument([slapPartition({ partitionId: 'slappart1' })]);
    site.write('copy', 'x');
    rmSync(site.path(KEPT_DOCUMENT));
    symlinkSync('../copy', site.path(KEPT_DOCUMENT));
    expect((await readNodeStatus(sources)).document?.isAvailable).toBe(false);
    rmSync(site.path(KEPT_DOCUMENT));
    chmodSync(site.write(KEPT_DOCUMENT, '{'), 0o600);
    expect((await readNodeStatus(sources)).document?.isAvailable).toBe(false);
  });

  it('has something to say without an instance root', async () => {
    const lost = site.open({}, { instanceRoot: site.path('none') });
    const { partitions, problems } = await readNodeStatus(lost);
    expect(partitions).toEqual([]);
    expect(problems?.[0]).toContain('ENOENT');
  });
});

describe('parseStatusSettings', () => {
  const parse = (text: string) => parseStatusSettings(parseConfig(text, 'slapos.cfg'), '/base');

  it('takes what the configuration says', () => {
    expect(parse('[slapos]\ninstance_root = srv\n')).toEqual({
      instanceRoot: '/base/srv',
      computerId: '',
      masterUrl: '',
      partitionBase: 'slappart',
      partitionAmount: undefined,
    });
    const format = '[slapformat]\npartition_amount = 3\npartition_base_name = part\n';
    expect(
      parse(`[slapos]\ninstance_root = /srv\ncomputer_id = C\nmaster_url = http://m/\n${format}`),
    ).toEqual({
      instanceRoot: '/srv',
      computerId: 'C',
      masterUrl: 'http://m/',
      partitionBase: 'part',
      partitionAmount: 3,
    });
  });

  it.each(['many', '-1', '1e9', '99999999999'])('takes no amount of %s', (amount) => {
    const text = `[slapos]\ninstance_root = /srv\n[slapformat]\npartition_amount = ${amount}\n`;
    expect(parse(text).partitionAmount).toBeUndefined();
  });

  it('needs an instance root', () => {
    expect(() => parse('[slapos]\n')).toThrow(/instance_root/);
  });
});
