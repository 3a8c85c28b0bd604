import { expect, it } from 'vitest';
import {
  layOutTree,
  listTroubles,
  matchesFilter,
  nodeTroubles,
  partitionTroubles,
} from '../../../../src/panel/page/judge.ts';
import { parseRoute, type Route, renderRoute } from '../../../../src/panel/page/route.ts';
import {
  renderAgo,
  renderBytes,
  renderCpu,
  renderDuration,
  softwareName,
} from '../../../../src/panel/page/words.ts';
import { makeOverview } from '../../../support/panel-world.ts';

const overview = makeOverview(10);
const [node] = overview.nodes;
const [first, second] = node?.partitions ?? [];

it('lists what is wrong, nodes first', () => {
  const troubles = listTroubles(overview, overview.takenAtMs).map(({ place, what }) => [
    place.slice(0, 10),
    what.slice(0, 20),
  ]);
  expect(troubles).toEqual([
    ['COMP-far', 'last seen 3 d ago'],
    ['broken on ', 'its build failed'],
    ['database', '2 services failed'],
    ['database', 'services do not run'],
    ['<img src=x', '1 promise failed'],
    ['<img src=x', '<img src=x onerror="'],
  ]);
});

it('finds nothing wrong with what is free, elsewhere or well', () => {
  if (first === undefined || node === undefined) throw new Error('no partition');
  expect(partitionTroubles(first)).toEqual([]);
  const elsewhere = { services: null, promises: null, consumption: null };
  expect(partitionTroubles({ ...first, ...elsewhere })).toEqual([]);
  expect(partitionTroubles({ ...first, isFree: true, report: '#error old' })).toEqual([]);
  expect(partitionTroubles({ ...first, report: '#error' })).toEqual(['reports an error']);
  expect(nodeTroubles(node, overview.takenAtMs)).toEqual([]);
  expect(nodeTroubles({ ...node, lastContactMs: null }, 0)).toEqual(['never seen']);
  expect(nodeTroubles({ ...node, lastContactMs: null, partitions: [] }, 0)).toEqual([]);
});

it('filters by every word, in any order and case', () => {
  if (second === undefined) throw new Error('no partition');
  const matches = (text: string, onlyTroubles = false) =>
    matchesFilter(second, 'Data Base', { text, onlyTroubles });
  expect([matches(''), matches('base DATA'), matches('slappart1 2001:db8')]).toEqual([
    true,
    true,
    true,
  ]);
  expect([matches('other'), matches('', true)]).toEqual([false, true]);
});

it('lays the tree out in the order of titles, cuts rings and loses nobody', () => {
  const [root] = overview.instances;
  if (root === undefined) throw new Error('no instance');
  const one = (reference: string, title: string, requestedBy = '') => {
    return { ...root, reference, title, requestedBy };
  };
  const entries = layOutTree([
    one('c', 'b 10', 'a'),
    one('a', 'a'),
    one('d', 'b 2', 'a'),
    one('e', 'lost', 'nobody'),
    one('f', 'ring', 'g'),
    one('g', 'ring too', 'f'),
    one('h', 'self', 'h'),
  ]);
  expect(entries.map(({ instance, depth }) => `${depth} ${instance.title}`)).toEqual([
    ...['0 a', '1 b 2', '1 b 10', '0 lost', '0 self', '0 ring', '1 ring too'],
  ]);
});

it.each<Route>([
  { view: 'nodes' },
  { view: 'tree' },
  { view: 'software' },
  { view: 'instance', reference: 'a/b c#%' },
  { view: 'partition', computerId: 'COMP/1', partition: 'slappart0' },
])('finds its way to %j', (route) => {
  expect(parseRoute(renderRoute(route))).toEqual(route);
});

it('leads everything else to the nodes', () => {
  for (const hash of ['', '#', '#/', '#/%', '#/instance', '#/partition/x', '#/__proto__']) {
    expect(parseRoute(hash)).toEqual({ view: 'nodes' });
  }
});

it('tells amounts and times in few words', () => {
  expect([0, 1023, 1024, 150 * 1024, 3 * 2 ** 30].map(renderBytes)).toEqual([
    ...['0 B', '1023 B', '1.0 KiB', '150 KiB', '3.0 GiB'],
  ]);
  expect([0, 0.005, 1.5].map(renderCpu)).toEqual(['0.0 %', '0.5 %', '150 %']);
  expect([0, 59_000, 61_000, 3_600_000, 90_061_000, 864_000_000].map(renderDuration)).toEqual([
    ...['0 s', '59 s', '1 min 1 s', '1 h', '1 d 1 h', '10 d'],
  ]);
  expect([renderAgo(10_000, 9_000), renderAgo(0, 60_000)]).toEqual(['just now', '1 min ago']);
  const urls = [
    'https://h/software/kvm/software.cfg',
    '/opt/hello/software.cfg',
    'x.cfg',
    'a/b.cfg',
  ];
  expect(urls.map(softwareName)).toEqual(['kvm', 'hello', 'x.cfg', 'a/b.cfg']);
});
