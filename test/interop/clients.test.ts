/** The same command lines by our `slapos` and by upstream's, at the same time: same answers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findInteropPython } from '../support/interop-release.ts';
import { RealNode, type Side } from '../support/real-node.ts';

const SOFTWARE = 'https://software.invalid/software.cfg';

const peer = findInteropPython();
const python = 'python' in peer ? peer.python : '';
const note = 'reason' in peer ? ` [skipped: ${peer.reason}]` : '';

/** In this order; what one changes, the next ones see. */
const COMMANDS = [
  `supply ${SOFTWARE} COMP-1`,
  `request front ${SOFTWARE} --parameters greeting=hé x=<&>`,
  `request front ${SOFTWARE} --parameters greeting=hé x=<&>`,
  `request other ${SOFTWARE} --state stopped --type small`,
  `request third ${SOFTWARE}`,
  `request slave ${SOFTWARE} --slave --type none`,
  'service list',
  'service info front',
  'service info other',
  'service info nothing',
  'computer list',
  'computer info COMP-1',
  'computer info COMP-2',
  'node bang -m why',
  `request other ${SOFTWARE} --state destroyed --type small`,
  `remove ${SOFTWARE} COMP-1`,
] as const;

describe.skipIf(note !== '')(`clients of our Master${note}`, () => {
  let node: RealNode;

  beforeAll(async () => {
    const port = 5200;
    const slapos = { master_rest_url: `http://127.0.0.1:${port}/hateoas`, root_check: false };
    const slapformat = {
      input_definition_file: '/srv/clients/definition.cfg',
      partition_amount: 2,
      alter_user: false,
      alter_network: false,
      interface_name: '',
      ipv4_local_network: '',
    };
    node = new RealNode({ folder: '/srv/clients', port, python, slapos, slapformat });
    node.write('definition.cfg', `[computer]\n${partition(0)}${partition(1)}`);
    await node.startProxy('ours');
    await node.ours('node', 'format', '--now');
  });
  afterAll(() => node.remove());

  it.each(COMMANDS)('%s', async (line) => {
    const run = (side: Side) => node.run(side, ...line.split(' '));
    const [ours, upstream] = await Promise.all([run('ours'), run('upstream')]);
    expect([ours.status, ours.stdout], ours.stderr).toEqual([upstream.status, upstream.stdout]);
  });
});

function partition(index: number): string {
  return `[partition_${index}]
address = 127.0.0.1/255.255.255.255 ::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
pathname = slappart${index}
user = daemon
network_interface = lo
`;
}
