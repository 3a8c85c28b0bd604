/** One story over both transports against the real proxy: every step gives the same. */
import { expect, test } from 'vitest';
import { Slap, type SlapTransport } from '../../../src/slap/slap.ts';
import { computerDocument, SOFTWARE, startProxy } from '../../support/proxy-fixture.ts';
import { tellStory, withoutNames } from '../../support/slap-story.ts';

const TRANSPORTS: readonly SlapTransport[] = ['xml', 'json-rpc'];

async function tell(transport: SlapTransport): Promise<unknown> {
  const proxy = await startProxy();
  await proxy.master.loadComputerConfiguration(computerDocument(4));
  const slap = new Slap({ masterUrl: proxy.url, transport });
  try {
    return withoutNames(await tellStory(slap));
  } finally {
    await slap.close();
    await proxy.close();
  }
}

test('both transports tell the same story', async () => {
  const stories: unknown[] = [];
  for (const transport of TRANSPORTS) {
    stories.push(await tell(transport));
  }
  expect(stories[1]).toEqual(stories[0]);
  expect(stories[0]).toMatchObject({
    before: [[], []],
    software: [{ url: SOFTWARE, computerId: 'COMP-1', requestedState: 'available' }],
    requested: { isReady: true, title: 'root', state: 'started' },
    instance: {
      parameters: { text: 'é <&> \n "q"', number: '1', list: "['x', 2]", nested: "{'a': 1}" },
      addresses: [
        { interface: 'tap0', address: '10.0.1.0' },
        { interface: 'tap0', address: 'fd00::0' },
      ],
    },
    child: { isReady: true, state: 'stopped', softwareType: 'other' },
    list: [{ title: 'root' }, { title: 'child', state: 'stopped' }],
    published: [
      { url: 'http://[::1]/?a&b', empty: null },
      'http://[::1]/?a&b',
      'SLAPOS_ERR_MASTER_NOT_FOUND',
    ],
    'shared again': { connectionParameters: { key: 'é' } },
    host: { sharedInstances: [{ title: 'shared' }] },
    services: [
      ['root'],
      { title: 'root', state: 'started', connectionParameters: { url: 'http://[::1]/?a&b' } },
      'SLAPOS_ERR_MASTER_NOT_FOUND',
    ],
    renamed: 'renamed',
    stopped: { state: 'stopped' },
    again: { state: 'started' },
    free: 'SLAPOS_ERR_MASTER_NOT_FOUND',
    after: [],
    unknown: Array(3).fill('SLAPOS_ERR_MASTER_NOT_FOUND'),
  });
});
