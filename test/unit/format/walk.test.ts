/**
 * Random walks: a node whose configuration and host change again and again, with runs that are
 * killed or refused on the way, ends as a fresh machine with the last configuration, but for what
 * spec/format.md says is kept: names once given, tuns, and the IPv4 networks of tuns.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSlaposError } from '../../../src/errors/slapos-error.ts';
import { CrashError, FakeHost } from '../../support/fake-host.ts';
import { rebootHost } from '../../support/format-nodes.ts';
import { formatInput, formatOptions, plannedKinds, runFormat } from '../../support/format-run.ts';
import { refusingPorts } from '../../support/refusing-ports.ts';

const PREFIXES = [
  ['2001:db8:aaaa::1', 48],
  ['2001:db8:bbbb::1', 48],
  ['2001:db8:cccc:1::1', 64],
] as const;

interface Node {
  readonly amount: number;
  readonly prefix: number;
  readonly userBase: string;
  readonly hasTuns: boolean;
  readonly hasTaps: boolean;
  readonly isTapIpv6: boolean;
  readonly tapMode: 'auto' | 'routed';
  readonly hasRange: boolean;
}

const FIRST: Node = {
  amount: 1,
  prefix: 0,
  userBase: 'slapuser',
  hasTuns: false,
  hasTaps: true,
  isTapIpv6: true,
  tapMode: 'auto',
  hasRange: true,
};

const change: fc.Arbitrary<(node: Node) => Node> = fc.oneof(
  fc.integer({ min: 1, max: 3 }).map((more) => (node: Node) => {
    return { ...node, amount: node.amount + more };
  }),
  fc.constantFrom(0, 1, 2).map((prefix) => (node: Node) => ({ ...node, prefix })),
  fc.constantFrom('slapuser', 'other').map((userBase) => (node: Node) => ({ ...node, userBase })),
  fc.constantFrom('auto' as const, 'routed' as const).map((tapMode) => (node: Node) => {
    return { ...node, tapMode };
  }),
  fc
    .tuple(fc.constantFrom('hasTuns', 'hasTaps', 'isTapIpv6', 'hasRange'), fc.boolean())
    .map(([key, value]) => (node: Node) => ({ ...node, [key]: value })),
);

const outcome = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ kind: 'whole' as const, at: 0 }) },
  fc.integer({ min: 0, max: 60 }).map((at) => ({ kind: 'killed' as const, at })),
  fc.integer({ min: 0, max: 60 }).map((at) => ({ kind: 'refused' as const, at })),
);
const move = fc.record({ change, isRebooted: fc.boolean(), outcome });

function options(node: Node) {
  return formatOptions({
    partition_amount: String(node.amount),
    user_base_name: node.userBase,
    create_tun: String(node.hasTuns),
    create_tap: String(node.hasTaps),
    tap_ipv6: String(node.isTapIpv6),
    tap_mode: node.tapMode,
    partition_has_ipv6_range: String(node.hasRange),
  });
}

function machine(prefix: number): FakeHost {
  const host = new FakeHost();
  host.addLink('br0', { kind: 'bridge' });
  const [address, length] = PREFIXES[prefix] as (typeof PREFIXES)[number];
  host.addAddress('br0', address, length);
  return host;
}

function renumber(host: FakeHost, from: number, to: number): void {
  if (from === to) return;
  const [address, length] = PREFIXES[to] as (typeof PREFIXES)[number];
  host.removeAddress(PREFIXES[from]?.[0] ?? '');
  host.addAddress('br0', address, length);
}

/** All that a reboot takes: devices, addresses, routes, kernel settings. */
function reboot(host: FakeHost, prefix: number): void {
  rebootHost(host, 2);
  const [address, length] = PREFIXES[prefix] as (typeof PREFIXES)[number];
  host.addAddress('br0', address, length);
}

async function run(host: FakeHost, node: Node, how: { kind: string; at: number }): Promise<void> {
  const input = formatInput(host, options(node));
  const { ports } = refusingPorts(input.ports, how.kind === 'refused' ? how.at : undefined);
  host.crashAfter = how.kind === 'killed' ? host.changes + how.at : undefined;
  try {
    await runFormat({ ...input, ports });
  } catch (error) {
    if (how.kind === 'whole') throw error;
    if (!(error instanceof CrashError) && !isSlaposError(error)) throw error;
  }
  host.crashAfter = undefined;
}

/** What may differ: names once given, the IPv4 networks of tuns, the history. */
function stateOf(host: FakeHost): unknown {
  host.fileTable.delete('/opt/slapos/slapos.xml.zip');
  const text = JSON.stringify(host.snapshot(), (key, value) => {
    return key === 'prefixLength' && value < 20 ? undefined : value;
  });
  const state = JSON.parse(
    text
      .replaceAll(/(slapuser|other)(?=\d)/g, 'user')
      .replaceAll(/172\.(1[6-9]|2\d|3[01])\.\d+\.\d+/g, 'tun')
      .replaceAll(/255\.\d+\.\d+\.0/g, 'mask'),
  ) as Record<string, unknown>;
  // In the order of what they are now.
  for (const part of Object.values(state)) {
    if (Array.isArray(part)) part.sort((one, other) => (asText(one) < asText(other) ? -1 : 1));
  }
  return state;
}

const asText = (value: unknown): string => JSON.stringify(value);

const RUNS = process.env['CAMPAIGN'] === 'full' ? 5000 : 150;

describe('a node that changes again and again', () => {
  it('ends as a fresh machine with the last configuration', async () => {
    const walk = fc.array(move, { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(walk, async (moves) => {
        let node = FIRST;
        const host = machine(node.prefix);
        const ever = { hasTuns: false };
        await run(host, node, { kind: 'whole', at: 0 });
        for (const { change, isRebooted, outcome } of moves) {
          const next = change(node);
          if (isRebooted) reboot(host, node.prefix);
          renumber(host, node.prefix, next.prefix);
          node = next;
          ever.hasTuns ||= node.hasTuns;
          await run(host, node, outcome);
        }
        // What is switched off leaves what it made, so the last run has all that was ever on.
        node = { ...node, ...ever, hasTaps: true, isTapIpv6: true, hasRange: true };
        await run(host, node, { kind: 'whole', at: 0 });
        const fresh = machine(node.prefix);
        await run(fresh, node, { kind: 'whole', at: 0 });
        expect(stateOf(host)).toEqual(stateOf(fresh));
        expect(await plannedKinds(formatInput(host, options(node)))).toEqual([]);
      }),
      { numRuns: RUNS, seed: 20261121 },
    );
  });
});
