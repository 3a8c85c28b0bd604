/** docs/isolation.md, tried: every attempt that is documented there, as each actor. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { IsolationNode, type Outcomes } from '../../support/isolation-node.ts';
import { type Actor, parseAttempts, readIsolationText } from '../../support/isolation-table.ts';
import { requires } from '../../support/requires.ts';

/** Of proc_net(5): local address in hexadecimal, state `0A` is LISTEN; datagram sockets are `07`. */
const SOCKET = /^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ (0A|07) /gm;
const LOOPBACK = /^(0100007F|0{24}01000000)$/;

requires(
  'root',
  'netns',
  'tun',
)('what docs/isolation.md says', () => {
  let node: IsolationNode;
  beforeAll(async () => {
    node = new IsolationNode();
    await node.prepare();
  });
  afterAll(() => node.remove());

  const attempts = parseAttempts(readIsolationText());

  function expectAsDocumented(actor: Actor, outcomes: Outcomes): void {
    expect([...outcomes.keys()].sort()).toEqual([...attempts.keys()].sort());
    const wrong = [...outcomes].filter(
      ([name, outcome]) => !attempts.get(name)?.[actor].includes(outcome),
    );
    expect(wrong).toEqual([]);
  }

  it('holds for a service in the default profile', async () => {
    expectAsDocumented('default', await node.tryAsService('default'));
  });

  it('holds for a service in the strict profile', async () => {
    expectAsDocumented('strict', await node.tryAsService('strict'));
  });

  it('holds for a user of the machine', () => {
    expectAsDocumented('stranger', node.tryAsStranger());
  });

  it('reaches no port of the node', () => {
    const listening = ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((kind) => {
      const text = readFileSync(`/proc/net/${kind}`, 'utf8');
      return [...text.matchAll(SOCKET)].map(([, address = '', port = '']) => {
        return { address, port: Number.parseInt(port, 16) };
      });
    });
    const ports = listening.map(({ port }) => port);
    expect(ports).toEqual(expect.arrayContaining([...node.ports, node.heldPort]));
    const outer = listening.filter(({ address }) => !LOOPBACK.test(address));
    // The service of a partition, at its own address.
    expect(outer.map(({ port }) => port)).toEqual([node.heldPort]);
  });
});
