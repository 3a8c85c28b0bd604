/** The partition of this node that `service info --format json` tells. */
import { chmodSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findLocalPartition } from '../../../../src/cli/client/local-partition.ts';
import type { CommandContext } from '../../../../src/cli/command.ts';
import { parseConfig } from '../../../../src/config/read.ts';
import { KEPT_DOCUMENT, renderKeptDocument } from '../../../../src/grid/kept-document.ts';
import { slapPartition } from '../../../support/slap-partition.ts';
import { RESULTS, renderResult, StatusSite } from '../../../support/status-site.ts';

const MASTER = 'http://127.0.0.1:5000/';
const SOFTWARE = 'https://host/software.cfg';

describe('findLocalPartition', () => {
  let site: StatusSite;
  let node: string;

  beforeEach(() => {
    site = new StatusSite();
    node =
      `[slapos]\ninstance_root = ${site.root}\ncomputer_id = COMP-1\n` +
      `master_url = ${MASTER}\n[slapformat]\npartition_amount = 2\n`;
    site.write(`slappart1/${RESULTS}/up.status.json`, renderResult('fine'));
    const source = { computerId: 'COMP-1', masterUrl: MASTER };
    const partition = slapPartition({
      partitionId: 'slappart1',
      softwareReleaseUrl: SOFTWARE,
      title: 'site',
    });
    const computer = { computerId: 'COMP-1', softwareReleases: [], partitions: [partition] };
    const file = site.write(KEPT_DOCUMENT, renderKeptDocument(source, '"1"', computer));
    chmodSync(file, 0o600);
    chmodSync(site.path('var'), 0o755);
  });
  afterEach(() => site.remove());

  const find = (config: string, wanted: Readonly<Record<string, string>> = {}, file?: string) => {
    const context = {
      config: parseConfig(config, 'client.cfg'),
      cwd: '/',
      env: { SLAPOS_CONFIGURATION: file ?? site.path('none.cfg') },
    } as unknown as CommandContext;
    return findLocalPartition(context, {
      title: 'site',
      softwareUrl: SOFTWARE,
      masterUrl: MASTER,
      ...wanted,
    });
  };

  it('is found by the file of the client, or of the node', async () => {
    expect(await find(node)).toMatchObject({
      reference: 'slappart1',
      instance: { title: 'site', softwareUrl: SOFTWARE },
      promises: [{ title: 'up', message: 'fine' }],
    });
    const file = site.write('slapos.cfg', node);
    const client = `[slapos]\nmaster_url = ${MASTER}\n`;
    expect(await find(client, { masterUrl: MASTER.slice(0, -1) }, file)).toMatchObject({
      reference: 'slappart1',
    });
    expect(await find(client)).toBeNull();
  });

  it.each([
    ['another title', { title: 'other' }],
    ['another software', { softwareUrl: 'https://host/other.cfg' }],
    ['another Master', { masterUrl: 'https://other/' }],
  ])('is not that of %s', async (_, wanted) => {
    expect(await find(node, wanted as Record<string, string>)).toBeNull();
  });

  it('is not told by a document that others may have written', async () => {
    chmodSync(site.path(KEPT_DOCUMENT), 0o666);
    expect(await find(node)).toBeNull();
  });
});
