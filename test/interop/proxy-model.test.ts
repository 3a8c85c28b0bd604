/**
 * Requests in any order to upstream's slapproxy and to ours, on copies of one database: answers,
 * instances and moved timestamps are the same. Commands of which docs/proxy.md says that ours does
 * otherwise are left out, as the model of test/support/proxy-model.ts tells.
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../src/log/logger.ts';
import { createProxyServer } from '../../src/proxy/server.ts';
import { openSqliteStore } from '../../src/proxy/store-sqlite.ts';
import { findPeerPython } from '../support/peer-python.ts';
import {
  commandLists,
  DOCUMENT_CALLS,
  parseOutcome,
  renderCall,
  START_COMMANDS,
} from '../support/proxy-commands.ts';
import { type Command, ProxyModel } from '../support/proxy-model.ts';
import { type Answer, askOurs, askUpstream, type Call } from '../support/proxy-peers.ts';
import { parseSlots } from '../support/proxy-slots.ts';

const peer = findPeerPython('slapos.proxy.views');
const note = 'reason' in peer ? ` (skipped: ${peer.reason})` : '';
const python = 'python' in peer ? peer.python : '';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-proxy-model-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The same ones each time: rarer differences are for `CAMPAIGN=full`. */
const SAMPLES =
  process.env['CAMPAIGN'] === 'full' ? { numRuns: 40 } : { numRuns: 4, seed: 20_261_121 };

/** Commands that both are to answer alike, in the state in which the ones before have left them. */
function undecided(commands: readonly Command[]): Command[] {
  let model = new ProxyModel();
  return commands.filter((command) => {
    const trial = model.copy();
    if (trial.run(command).isDecided === true) return false;
    model = trial;
    return true;
  });
}

/** What a client sees after each command. */
function describeAnswers(commands: readonly Command[], answers: readonly Answer[]) {
  const timestamps = new Map<string, string>();
  const step = 1 + DOCUMENT_CALLS.length;
  return commands.map((command, index) => {
    const [answer, ...documents] = answers.slice(index * step, (index + 1) * step);
    const slots = documents.flatMap((document) =>
      document[0] === 200 ? parseSlots(document[3]) : [],
    );
    const instances = slots.map(({ timestamp, ...slot }) => {
      const isMoved = timestamps.get(slot.place) !== timestamp;
      timestamps.set(slot.place, timestamp);
      return { ...slot, isMoved };
    });
    const { state: _state, ...outcome } = parseOutcome(
      command,
      answer?.[0] ?? 0,
      answer?.[3] ?? '',
    );
    return { command, outcome, instances };
  });
}

async function askOurProxy(database: string, calls: readonly Call[]): Promise<Answer[]> {
  const store = openSqliteStore(database, 'COMP-1', silentLogger);
  const server = createProxyServer({ store, log: silentLogger, defaultComputerId: 'COMP-1' });
  const url = `${await server.listen('127.0.0.1', 0)}/`;
  return askOurs(url, calls).finally(() => server.close());
}

test.skipIf(note !== '')(`any commands do what they do upstream${note}`, async () => {
  const [ours, theirs] = [join(folder, 'ours.db'), join(folder, 'theirs.db')];
  for (const list of fc.sample(commandLists(80), SAMPLES)) {
    rmSync(theirs, { force: true });
    askUpstream(python, theirs, DOCUMENT_CALLS.slice(0, 1));
    copyFileSync(theirs, ours);
    const commands = undecided([...START_COMMANDS, ...list]);
    const calls = commands.flatMap((command) => [renderCall(command), ...DOCUMENT_CALLS]);
    const mine = describeAnswers(commands, await askOurProxy(ours, calls));
    const other = describeAnswers(commands, askUpstream(python, theirs, calls));
    for (const [index, step] of mine.entries()) {
      expect(step, JSON.stringify(commands.slice(0, index + 1))).toEqual(other[index]);
    }
  }
});
