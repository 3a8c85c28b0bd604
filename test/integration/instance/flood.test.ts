/** A buildout that prints without end: bounded in memory, in logs and in what the Master is told. */
import { statSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { InstanceNode } from '../../support/instance-node.ts';
import { requires } from '../../support/requires.ts';

const RELEASE = 'https://host/software.cfg';
/** FLOOD_MEBIBYTES=1024 shows that more makes no difference. */
const SIZE_MEBIBYTES = Number(process.env['FLOOD_MEBIBYTES'] ?? 60);
const MEBIBYTE = 1024 * 1024;
/** The node itself needs 70 to 110 MiB. */
const MOST_RSS_BYTES = 320 * MEBIBYTE;

requires('root', 'netns')('a buildout that prints without end', () => {
  let node: InstanceNode;

  beforeAll(async () => {
    node = new InstanceNode({ partitions: 1, releases: [RELEASE] });
    await node.open();
    node.master.wishes.set('slappart0', { state: 'started', release: RELEASE, timestamp: '1' });
  });
  afterAll(() => node.close());

  it.each([
    ['lines', "yes 'a line of a build that says what it does, again and again'"],
    ['empty lines', "yes ''"],
    ['one line', 'cat /dev/zero'],
    ['single bytes', 'while :; do printf x; done'],
  ])('as %s', async (kind, program) => {
    const mebibytes = kind === 'single bytes' ? 0.01 : SIZE_MEBIBYTES;
    const count = Math.floor(mebibytes * MEBIBYTE);
    node.plan('slappart0', {
      script: `echo first; { ${program}; } | head -c ${count}; echo; echo last; exit 9\n`,
    });
    const { status, peakRssBytes } = await node.run(['instance', '--quiet']);
    expect(status).toBe(1);

    expect(peakRssBytes).toBeLessThan(MOST_RSS_BYTES);
    const log = node.site.read('slappart0', '.slapgrid-slappart0-error.log');
    expect(log.length).toBeLessThan(1.2 * MEBIBYTE);
    expect(log).toContain("slappart0':\nfirst\n");
    expect(log).toContain('\nlast\n');
    const [told = ''] = node.master.errorsOf('slappart0');
    expect(told.length).toBeLessThanOrEqual(10_000);
    expect(told).toContain('\nlast\n');
    const written = statSync(node.site.path('slappart0/.slapgrid/log/instance.log')).size;
    expect(written).toBeLessThan(56 * MEBIBYTE);
  });
});
