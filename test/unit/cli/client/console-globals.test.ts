/** The names of the console, on a library that only records. */
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createGlobals, listAliasNames } from '../../../../src/cli/client/console-globals.ts';
import type { ClientSession } from '../../../../src/cli/client/session.ts';
import type { CommandContext } from '../../../../src/cli/command.ts';
import { silentLogger } from '../../../../src/log/logger.ts';
import { Slap } from '../../../../src/slap/slap.ts';

const ALIASES = new Map([
  ['kvm', 'https://x/kvm.cfg'],
  ['to-do', 'https://x/to-do.cfg'],
  ['process', 'https://x/process.cfg'],
  ['__proto__', 'https://x/proto.cfg'],
]);

function open(defaults: Readonly<Record<string, string>> = {}) {
  const calls: unknown[] = [];
  const slap = {
    registerOpenOrder: () => ({ request: async (request: unknown) => calls.push(request) }),
    registerSupply: () => ({ supply: async (...words: unknown[]) => calls.push(words) }),
    registerComputer: (id: string) => id,
  } as unknown as Slap;
  const session = {
    options: { aliases: ALIASES, defaults: new Map(Object.entries(defaults)) },
    master: { getProductReleases: async (name: string) => [`https://p/${name}.cfg`] },
  } as unknown as ClientSession;
  const context = { log: silentLogger, cwd: '/' } as CommandContext;
  return { calls, names: createGlobals(slap, session, context) };
}

test('request takes what upstream takes, in its order', async () => {
  const { calls, names } = open();
  await names.request('kvm', 'a');
  await names.request(names.product['kvm'] ?? '', 'b', { p: 1 }, 't', { f: '1' }, 'stopped', true);
  await names.request('product.erp5', 'c', null, null, null, null);
  const nothing = { parameters: {}, softwareType: undefined, filter: {}, state: null };
  expect(calls).toEqual([
    { softwareRelease: 'https://x/kvm.cfg', title: 'a', ...nothing, isShared: false },
    {
      softwareRelease: 'https://p/kvm.cfg',
      title: 'b',
      parameters: { p: 1 },
      softwareType: 't',
      filter: { f: '1' },
      state: 'stopped',
      isShared: true,
    },
    { softwareRelease: 'https://p/erp5.cfg', title: 'c', ...nothing, isShared: false },
  ]);
});

test('type and state of section slapconsole stand in for what is not given', async () => {
  const { calls, names } = open({ type: 'demo', state: 'stopped' });
  await names.request('u', 'a');
  await names.request('u', 'a', {}, 'own', {}, 'started');
  expect(calls).toMatchObject([
    { softwareType: 'demo', state: 'stopped' },
    { softwareType: 'own', state: 'started' },
  ]);
});

test('supply, remove and computer', async () => {
  const { calls, names } = open();
  await names.supply('kvm', 'C');
  await names.supply('https://u/', 'C', 'destroyed');
  await names.remove('kvm', 'C');
  expect(calls).toEqual([
    ['https://x/kvm.cfg', 'C', 'available'],
    ['https://u/', 'C', 'destroyed'],
    ['https://x/kvm.cfg', 'C', 'destroyed'],
  ]);
  expect(names.computer('COMP-1')).toBe('COMP-1');
});

test('product is no promise, and shows what it is', async () => {
  const { product } = open().names;
  expect(await (product as unknown as Promise<unknown>)).toBe(product);
  expect(inspect(product)).toBe('[product.NAME: the best release of a product]');
});

test('an alias takes no name that is in use', () => {
  const { aliases } = open().names;
  expect(listAliasNames(aliases)).toEqual(['kvm']);
  expect(Object.entries(aliases)).toEqual([...ALIASES]);
});

test('what is no software is told by the library', async () => {
  const session = { options: { aliases: ALIASES, defaults: new Map() } };
  const slap = new Slap({ masterUrl: 'http://127.0.0.1:1/' });
  const context = { log: silentLogger, cwd: '/' } as CommandContext;
  const names = createGlobals(slap, session as unknown as ClientSession, context);
  const asked = names.request(undefined as unknown as string, 'a');
  await expect(asked).rejects.toMatchObject({ code: 'SLAPOS_ERR_USAGE' });
});
