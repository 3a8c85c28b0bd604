/** Upstream's slap library, as recipes use it, against our proxy. */
import { spawn } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findPeerPython } from '../support/peer-python.ts';
import {
  computerDocument,
  type ProxyFixture,
  SOFTWARE,
  startProxy,
} from '../support/proxy-fixture.ts';

const peer = findPeerPython('slapos.slap');
const name = 'reason' in peer ? ` (skipped: ${peer.reason})` : '';
const python = 'python' in peer ? peer.python : '';

let proxy: ProxyFixture;
beforeEach(async () => {
  proxy = await startProxy();
  await proxy.master.loadComputerConfiguration(computerDocument(4));
});
afterEach(() => proxy.close());

const PROGRAM = `
import json, sys
import slapos.slap
url, software = sys.argv[1:]
result = {}
slap = slapos.slap.slap()
slap.initializeConnection(url)
slap.registerSupply().supply(software, 'COMP-1')
root = slap.registerOpenOrder().request(software, 'root', {'n': 1, 'l': ['x']})
result['root'] = [root.getId(), root.getState()]
computer = slap.registerComputer('COMP-1')
result['software'] = [release.getURI() for release in computer.getSoftwareReleaseList()]
result['states'] = [partition.getState() for partition in computer.getComputerPartitionList()]
partition = slap.registerComputerPartition('COMP-1', 'slappart0')
parameters = partition.getInstanceParameterDict()
result['parameters'] = [parameters[key] for key in ('n', 'l', 'instance_title', 'ip_list')]
child = partition.request(software, 'default', 'child', partition_parameter_kw={'é': '<&>'})
result['child'] = [child.getId(), child.getState()]
shared = partition.request(software, 'default', 'shared', shared=True)
partition.setConnectionDict({'url': 'http://x/', 'empty': ''})
partition.setConnectionDict({'key': 'é'}, slave_reference='root_shared')
shared = partition.request(software, 'default', 'shared', shared=True)
result['shared'] = shared.getConnectionParameterDict()
again = slap.registerComputerPartition('COMP-1', 'slappart0')
result['connection'] = again.getConnectionParameterDict()
again.started(); again.stopped(); again.error('log'); again.bang('why')
again.setComputerPartitionRelatedInstanceList(['child'])
result['addresses'] = len(again.getFullHostingIpAddressList())
computer.bang('why')
try:
  slap.registerComputer('COMP-9').getComputerPartitionList()
except slapos.slap.NotFoundError:
  result['unknown'] = 'NotFoundError'
json.dump(result, sys.stdout)
`;

async function runLibrary(url: string): Promise<unknown> {
  const child = spawn(python, ['-c', PROGRAM, url, SOFTWARE], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  const status = await new Promise((resolve) => child.once('close', resolve));
  expect(status).toBe(0);
  return JSON.parse(text);
}

test.skipIf(name !== '')(`requests, reports and reads as a recipe does${name}`, async () => {
  expect(await runLibrary(proxy.url)).toEqual({
    root: ['slappart0', 'started'],
    software: [SOFTWARE],
    states: ['started', 'destroyed', 'destroyed', 'destroyed'],
    parameters: [
      '1',
      "['x']",
      'root',
      [
        ['tap0', '10.0.1.0'],
        ['tap0', 'fd00::0'],
      ],
    ],
    child: ['slappart1', 'started'],
    shared: { key: 'é' },
    connection: { url: 'http://x/', empty: null },
    addresses: 4,
    unknown: 'NotFoundError',
  });
});
