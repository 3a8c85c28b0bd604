/** Random walks on a machine in memory, with runs that are killed or refused on the way. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSlaposError } from '../../../src/errors/slapos-error.ts';
import { CrashError, FakeHost } from '../../support/fake-host.ts';
import { fakeState, rebootHost, setHostNetwork } from '../../support/format-nodes.ts';
import { formatInput, formatOptions, plannedKinds, runFormat } from '../../support/format-run.ts';
import {
  CHANGES,
  differences,
  FIRST_NODE,
  type WalkNode,
  walkSettings,
  withEverything,
} from '../../support/format-walk.ts';
import { refusingPorts } from '../../support/refusing-ports.ts';

const WHOLE = { kind: 'whole' as const, at: 0 };
const outcome = fc.oneof(
  { weight: 3, arbitrary: fc.constant(WHOLE) },
  fc.integer({ min: 0, max: 60 }).map((at) => ({ kind: 'killed' as const, at })),
  fc.integer({ min: 0, max: 60 }).map((at) => ({ kind: 'refused' as const, at })),
);
/** Printed by name when a walk fails. */
const change = fc.constantFrom(...CHANGES.map(([name]) => name));
const move = fc.record({
  changes: fc.array(change, { minLength: 1, maxLength: 3 }),
  isRebooted: fc.boolean(),
  outcome,
});

/** Releasing only where it is needed: the state file has more partitions than are wanted. */
function options(node: WalkNode, host: FakeHost) {
  const xml = host.fileTable.get('/opt/slapos/slapos.xml')?.content ?? '';
  const recorded = xml.split('<string>tap</string>').length - 1;
  const settings = { ...walkSettings(node), computer_json: '/opt/slapos/slapos.json' };
  return formatOptions(settings, { release_partitions: recorded > node.amount });
}

function changed(node: WalkNode, names: readonly string[]): WalkNode {
  const byName = new Map(CHANGES);
  return names.reduce((now, name) => byName.get(name)?.(now) ?? now, node);
}

async function run(
  host: FakeHost,
  node: WalkNode,
  how: { kind: 'whole' | 'killed' | 'refused'; at: number },
): Promise<void> {
  const input = formatInput(host, options(node, host));
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

async function freshState(node: WalkNode) {
  const host = new FakeHost();
  setHostNetwork(host, node);
  await run(host, node, WHOLE);
  return fakeState(host);
}

const RUNS = process.env['CAMPAIGN'] === 'full' ? 5000 : 150;
const SEED = Number(process.env['WALK_SEED'] ?? 20261121);

describe('a node that changes again and again', () => {
  it('ends as a fresh machine with the last configuration', async () => {
    const walk = fc.array(move, { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(walk, async (moves) => {
        let node = FIRST_NODE;
        const host = new FakeHost();
        setHostNetwork(host, node);
        await run(host, node, WHOLE);
        for (const { changes, isRebooted, outcome } of moves) {
          node = changed(node, changes);
          // `lo` alone: what the host has of its own comes back for the node.
          if (isRebooted) rebootHost(host, 1);
          setHostNetwork(host, node);
          await run(host, node, outcome);
        }
        await run(host, node, WHOLE);
        const everything = await freshState(withEverything(node));
        expect(differences(node, fakeState(host), await freshState(node), everything)).toEqual([]);
        expect(await plannedKinds(formatInput(host, options(node, host)))).toEqual([]);
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });
});
