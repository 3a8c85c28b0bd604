/**
 * `node format` killed at many moments, on machines with taps, tuns and external storage.
 *
 *     npm run campaign -- format-kill [--partitions 1000] [--kills 50] [--seed S]
 *
 * A slice of it unless CAMPAIGN=full or the options say otherwise. Ends with 1 when a machine ends
 * in another state than the undisturbed one.
 */
import { drawSeed, isFull, print, readNumber, readOptions } from '../support/campaign.ts';
import { type Kill, runKillCampaign } from '../support/format-kill.ts';

const { values } = readOptions({
  options: {
    partitions: { type: 'string', default: isFull ? '1000' : '100' },
    kills: { type: 'string', default: isFull ? '50' : '10' },
    seed: { type: 'string', default: drawSeed() },
  },
});

function countPhases(kills: readonly Kill[]): string[] {
  const counts = new Map<string, number>();
  for (const { reached } of kills) counts.set(reached, (counts.get(reached) ?? 0) + 1);
  return [...counts].map(([phase, count]) => `  ${String(count).padStart(3)} ${phase}`);
}

const [partitions, kills, seed] = [
  readNumber('partitions', values.partitions, { least: 1 }),
  readNumber('kills', values.kills, { least: 1 }),
  readNumber('seed', values.seed),
];
print(`format-kill: ${partitions} partitions, ${kills} kills, seed ${seed}`);
const result = runKillCampaign({ partitions, kills, seed, onLine: print });
const journals = result.kills.filter(({ hasJournal }) => hasJournal).length;
print(
  `${result.kills.length} kills on ${result.machines} machines, ${journals} left a journal; ` +
    'what the runs were doing:',
);
for (const line of countPhases(result.kills)) print(line);
for (const line of result.differences) print(line);
print(
  result.differences.length === 0
    ? 'All machines ended as the undisturbed one.'
    : `${result.differences.length} differences; repeat with --seed ${seed}.`,
);
process.exitCode = result.differences.length === 0 ? 0 : 1;
