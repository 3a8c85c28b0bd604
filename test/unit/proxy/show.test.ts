import { expect, test } from 'vitest';
import { renderSection, type ShownState } from '../../../src/proxy/show.ts';

const FREE = {
  computerReference: 'C',
  slapState: 'free',
  softwareRelease: null,
  xml: null,
  connectionXml: null,
  slaveInstanceList: null,
  softwareType: null,
  title: null,
  requestedBy: '',
  requesterId: '',
  requestedState: 'started',
  timestamp: null,
};
const KEY = 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7 user@example.com';
const STATE: ShownState = {
  schemaVersion: 17,
  computers: [{ reference: 'C', address: null, netmask: null }],
  software: [{ url: 'u', computerReference: 'C', requestedState: 'available' }],
  partitions: [
    {
      ...FREE,
      reference: 'p1',
      slapState: 'busy',
      title: 'one',
      softwareType: 'default',
      softwareRelease: 'u',
      timestamp: 5,
      connectionXml: `<instance>
        <parameter id="_">{"b":[1,1.0,"é"],"a":{"9":{},"10":[]}}</parameter>
        <parameter id="ssh-key">${KEY}</parameter>
        <parameter id="empty"></parameter></instance>`,
    },
    { ...FREE, reference: 'p0' },
  ],
  slaves: [],
  addresses: ['p1', 'p0', 'p1'].map((partitionReference, index) => ({
    partitionReference,
    computerReference: 'C',
    reference: 'tap',
    address: `10.0.0.${index}`,
    netmask: null,
  })),
  reports: [],
};

test('missing values are dashes', () => {
  expect(renderSection('computers', STATE)).toEqual([
    'table computer17',
    '---------------------------',
    ' reference address netmask ',
    '---------------------------',
    '     C        -       -    ',
    '---------------------------',
  ]);
});

test('software has the name of its folder', () => {
  expect(renderSection('software', STATE)[4]).toContain('7b774effe4a349c6dd82ad4f4f21d34c');
});

test('free partitions are not shown; timestamps are floats', () => {
  const lines = renderSection('partitions', STATE);
  expect(lines[0]).toBe('table partition17: skipping xml, connection_xml, slave_instance_list');
  expect(lines).toHaveLength(6);
  expect(lines[4]).toMatch(/ p1 .* 5\.0 /);
});

test('an empty table', () => {
  expect(renderSection('slaves', STATE)).toEqual(['table slave17: empty']);
});

test('connection parameters', () => {
  expect(renderSection('params', STATE).join('\n')).toBe(`p1: one (type default)
    _ = {
  "a": {
    "10": [],
    "9": {}
  },
  "b": [
    1,
    1.0,
    "\\u00e9"
  ]
}
    ssh-key = ssh-rsa AAAAB3NzaC1y...QC7 user@example.com
    empty = None`);
});

test('addresses of partitions in use', () => {
  expect(renderSection('network', STATE)).toEqual(['p1: 10.0.0.0, 10.0.0.2']);
});

test('reports of nodes, without what a terminal would obey', () => {
  expect(renderSection('status', STATE)).toEqual(['reported status: nothing']);
  const report = { kind: 'partition', computerReference: 'C', reference: 'p1', state: '' } as const;
  const times = { createdAt: 1795217539.5, since: 1795217539.5 };
  const text = '#error while instanciating: a\n\u009b2Jb';
  const lines = renderSection('status', { ...STATE, reports: [{ ...report, ...times, text }] });
  expect([lines[0], lines[4]?.trim().split(/ +/)]).toEqual([
    'reported status:',
    [
      'partition',
      'C',
      'p1',
      '-',
      '2026-11-20T23:32:19.500Z',
      ...text.replace('\n\u009b', ' ').split(' '),
    ],
  ]);
});
