/**
 * Requests in any order against the model of spec/proxy.md 7.1 to 7.3 and 8: answers, documents and
 * which timestamps move are the same, over a real socket with a real database.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  commandLists,
  DOCUMENT_CALLS,
  listInstances,
  parseOutcome,
  plainOutcome,
  renderCall,
  START_COMMANDS,
} from '../support/proxy-commands.ts';
import { startProxy } from '../support/proxy-fixture.ts';
import { type Command, ProxyModel } from '../support/proxy-model.ts';
import { askOurs } from '../support/proxy-peers.ts';
import { parseSlots } from '../support/proxy-slots.ts';

test('any commands do what the model does', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(commandLists(40), async (commands) => {
      const proxy = await startProxy();
      try {
        await walk(proxy.url, [...START_COMMANDS, ...commands]);
      } finally {
        await proxy.close();
      }
    }),
    { numRuns: 15 },
  );
});

async function walk(url: string, commands: readonly Command[]): Promise<void> {
  const model = new ProxyModel();
  const stamps = new Map<string, number>();
  const timestamps = new Map<string, string>();
  for (const command of commands) {
    const expected = plainOutcome(model.run(command));
    const [answer] = await askOurs(url, [renderCall(command)]);
    expect([command, parse(command, answer)]).toEqual([command, expected]);
    if (command === START_COMMANDS[0]) continue;
    const documents = await askOurs(url, DOCUMENT_CALLS);
    const slots = documents.flatMap((document) => parseSlots(document[3]));
    expect([command, slots.map(({ timestamp: _timestamp, ...slot }) => slot)]).toEqual([
      command,
      listInstances(model),
    ]);
    for (const { place, timestamp } of slots) {
      const stamp = model.slots.find((slot) => slot.place === place)?.stamp ?? 0;
      const isMoved = timestamp !== timestamps.get(place);
      expect([command, place, isMoved]).toEqual([command, place, stamp !== stamps.get(place)]);
      stamps.set(place, stamp);
      timestamps.set(place, timestamp);
    }
  }
}

function parse(command: Command, answer: readonly [number, ...unknown[]] | undefined) {
  return parseOutcome(command, answer?.[0] ?? 0, String(answer?.[3]));
}
