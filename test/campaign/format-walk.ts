/**
 * `node format` on machines whose configuration and network change again and again, with reboots and
 * runs that are killed, compared with fresh machines of the last configuration.
 *
 *     npm run campaign -- format-walk [--walks 200] [--stages 8] [--seed S]
 *
 * A slice of it unless CAMPAIGN=full or the options say otherwise. Ends with 1 when a machine is not
 * as it must be.
 */
import { drawSeed, isFull, print, readNumber, readOptions } from '../support/campaign.ts';
import { runWalkCampaign } from '../support/format-walk-run.ts';

const { values } = readOptions({
  options: {
    walks: { type: 'string', default: isFull ? '200' : '10' },
    stages: { type: 'string', default: isFull ? '8' : '5' },
    seed: { type: 'string', default: drawSeed() },
  },
});
const [walks, stages, seed] = [
  readNumber('walks', values.walks, { least: 1 }),
  readNumber('stages', values.stages, { least: 1 }),
  readNumber('seed', values.seed),
];
print(`format-walk: ${walks} walks of ${stages} stages, seed ${seed}`);
const found = runWalkCampaign({ walks, stages, seed, onLine: print });
for (const line of found) print(line);
print(
  found.length === 0
    ? 'All machines are as fresh ones.'
    : `${found.length} differences; repeat with --seed ${seed}.`,
);
process.exitCode = found.length === 0 ? 0 : 1;
