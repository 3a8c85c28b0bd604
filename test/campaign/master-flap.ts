/**
 * Each request of a command to its Master fails in turn, and then the command runs undisturbed.
 *
 *     npm run campaign -- master-flap [SCENE…] [--flap KIND]
 *
 * Scenes are those of `fault-walk` that ask a Master; kinds 500, 503, 404, cut (no answer), lost (done,
 * but the answer is), half, garbage, late and silence. Ends with 1 when a run hangs, says nothing, or
 * leaves something that the next one does not put right.
 */
import { print, readOptions, refuseOptions, runCampaign } from '../support/campaign.ts';
import { SCENES } from '../support/fault-scenes.ts';
import type { Fault } from '../support/http-master.ts';
import { FLAPS, walkFlaps } from '../support/master-flap.ts';

const { values, positionals } = readOptions({
  allowPositionals: true,
  options: { flap: { type: 'string' } },
});

async function main(): Promise<number> {
  const names = positionals.length > 0 ? positionals : ['software', 'instance', 'report', 'format'];
  const flaps = values.flap === undefined ? FLAPS : [values.flap as Fault];
  let found = 0;
  for (const name of names) {
    const scene = await SCENES[name]?.();
    if (scene === undefined) refuseOptions(`no scene ${name}`);
    try {
      const { findings, requests, tried } = await walkFlaps(scene, flaps, (line) =>
        print(`    ${line}`),
      );
      print(`${name}: ${requests} requests, ${tried} faults, ${findings.length} findings`);
      found += findings.length;
    } finally {
      await scene.close();
    }
  }
  return found === 0 ? 0 : 1;
}

runCampaign(main);
