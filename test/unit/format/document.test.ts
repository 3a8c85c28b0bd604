import { describe, expect, it } from 'vitest';
import {
  renderComputerJson,
  renderComputerPost,
  renderComputerXml,
  renderPartitionResource,
} from '../../../src/format/document.ts';
import { parseComputerXml } from '../../../src/format/stored-computer.ts';
import type { Computer, Partition } from '../../../src/model/computer.ts';
import { FakeHost } from '../../support/fake-host.ts';
import { formatInput, formatOptions, runFormat } from '../../support/format-run.ts';

async function computer(): Promise<Computer> {
  const host = new FakeHost();
  host.addLink('br0');
  host.addAddress('br0', '2001:db8:aaaa::1', 48);
  const options = formatOptions({ create_tun: 'true', partition_amount: '1' });
  const { computer } = await runFormat(formatInput(host, options));
  const partitions = computer.partitions.map((partition) => ({
    ...partition,
    capabilities: ['fast', 'a&b'],
    externalStorages: ['/mnt/data0/slappart0'],
  }));
  return { ...computer, partitions, osType: '["Linux-é"]' };
}

/** Keys of every object of a JSON text, outermost first. */
function keyLists(value: unknown): string[][] {
  if (Array.isArray(value)) return value.flatMap(keyLists);
  if (typeof value !== 'object' || value === null) return [];
  return [Object.keys(value), ...Object.values(value).flatMap(keyLists)];
}

describe('documents of the computer', () => {
  it('have sorted keys and ASCII text, as Python writes them', async () => {
    const json = renderComputerJson(await computer());
    for (const keys of keyLists(JSON.parse(json))) expect(keys).toEqual(keys.toSorted());
    expect(json).toContain('[\\"Linux-\\u00e9\\"]');
    expect(json).toMatch(/^{\n {2}"address": "2001:db8:aaaa::1",\n/);
    expect(json.endsWith('}')).toBe(true);
  });

  it('describe a partition in its folder', async () => {
    const [partition] = (await computer()).partitions;
    const text = renderPartitionResource(partition as Partition);
    expect(text).toMatch(/^{\n {4}"address_list": \[\n {8}{\n {12}"addr": "10\./);
    expect(JSON.parse(text)).toMatchObject({
      reference: 'slappart0',
      capability_list: ['fast', 'a&b'],
      external_storage_list: ['/mnt/data0/slappart0'],
      tun: { name: 'slaptun0', ipv4_network: '172.16.0.1/255.240.0.0', ipv6_gateway: '' },
      user: { additional_group_list: ['slapsoft'], shell: '/bin/sh' },
    });
  });

  it('say the same on disk and to the Master', async () => {
    const [disk, post] = [renderComputerXml, renderComputerPost].map((render) => render);
    const value = await computer();
    const onDisk = disk?.(value) ?? '';
    expect(onDisk).toContain('\n      <dictionary id="i5">\n');
    expect(onDisk).toContain('<string/>');
    expect(onDisk).toContain('<string>a&amp;amp;b</string>');
    expect(
      onDisk.replaceAll(/\n *</g, '<').replaceAll('<string/>', '<string></string>').trim(),
    ).toBe(post?.(value));
  });

  it('are read back as they were written', async () => {
    const value = await computer();
    const stored = parseComputerXml(renderComputerXml(value), '/slapos.xml');
    const [before, after] = [value.partitions[0], stored.partitions[0]];
    expect(stored).toMatchObject({ address: value.address, softwareUser: 'slapsoft' });
    expect(after).toEqual({
      reference: before?.reference,
      userName: before?.user.name,
      addresses: before?.addresses,
      ipv6Range: before?.ipv6Range,
      tap: before?.tap,
      tun: before?.tun,
      capabilities: before?.capabilities,
    });
  });
});

describe('a state file of another time', () => {
  const wrap = (inside: string) => `<marshal><dictionary id="i2">${inside}</dictionary></marshal>`;
  const pair = (key: string, value: string) => `<string>${key}</string>${value}`;
  const text = (value: string) => `<unicode>${value}</unicode>`;
  const partition = (...pairs: string[]) => `<dictionary id="i4">${pairs.join('')}</dictionary>`;
  const file = (one: string) =>
    wrap(
      pair('address', text('2001:db8::1')) +
        pair('netmask', '<none/>') +
        pair('partition_list', `<list id="i3">${one}</list>`),
    );
  const plain = [pair('reference', text('p0')), pair('path', text('/p0'))];

  it('may lack what later versions added', () => {
    const address =
      '<dictionary id="i6">' +
      pair('addr', text('2001:DB8::0:2')) +
      pair('netmask', text('ffff:ffff:ffff:ffff::/64')) +
      pair('prefixlen', '<long>64</long>') +
      '</dictionary>';
    const stored = parseComputerXml(
      file(
        partition(
          ...plain,
          pair('user', '<none/>'),
          pair('tap', '<none/>'),
          pair('address_list', `<list id="i5">${address}</list>`),
        ),
      ),
      '/slapos.xml',
    );
    expect(stored.softwareUser).toBeNull();
    expect(stored.partitions[0]).toMatchObject({
      userName: 'root',
      addresses: [{ address: '2001:db8::2', netmask: 'ffff:ffff:ffff:ffff::' }],
      ipv6Range: null,
      tun: null,
      tap: { name: 'p0', ipv6Address: '' },
    });
  });

  it.each([
    ['not XML', 'is not a marshalled computer'],
    ['<marshal><list id="i2"/></marshal>', 'has no dictionary for the computer'],
    [wrap(pair('address', '<none/>')), "lacks 'netmask' in the computer"],
    [file(partition(...plain)), "lacks 'user' in partition 0"],
  ])('is refused by name when it is %j', (content, problem) => {
    expect(() => parseComputerXml(content, '/slapos.xml')).toThrow(`/slapos.xml ${problem}.`);
  });
});
