/**
 * Random schedules of kill -9 of proxies and of their database under load
 * (`test/support/proxy-kill.ts`).
 *
 *     npm run campaign -- proxy-kill [--database postgres|sqlite] [--schedules 1000] [--seed S]
 *
 * A slice of it unless CAMPAIGN=full or the options say otherwise. Ends with 1 when something that
 * was acknowledged is missing, or anything is there twice.
 */
import {
  drawSeed,
  isFull,
  print,
  readNumber,
  readOptions,
  runCampaign,
} from '../support/campaign.ts';
import { type DatabaseKind, ProxyKillMachine } from '../support/proxy-kill.ts';

const SHOWN_PROBLEMS = 8;

const { values } = readOptions({
  options: {
    database: { type: 'string', default: 'postgres' },
    schedules: { type: 'string', default: isFull ? '1000' : '15' },
    seed: { type: 'string', default: drawSeed() },
  },
});

async function main(): Promise<number> {
  const [schedules, seed] = [
    readNumber('schedules', values.schedules),
    readNumber('seed', values.seed),
  ];
  const kind: DatabaseKind = values.database === 'sqlite' ? 'sqlite' : 'postgres';
  print(`proxy-kill: ${schedules} schedules on ${kind}, --seed ${seed}`);
  const total = { faults: 0, acknowledged: 0, lost: 0, failures: 0 };
  const startMs = performance.now();
  const machine = await ProxyKillMachine.start(kind, seed);
  try {
    for (let index = 1; index <= schedules; index += 1) {
      const result = await machine.schedule(machine.draw());
      const faults = result.faults.map(({ fault, atMs }) => `${fault} at ${atMs}`).join(', ');
      const { acknowledged, lost, problems } = result;
      print(`${index}: ${faults} ms; ${acknowledged} acknowledged, ${lost} lost on the way`);
      for (const problem of problems.slice(0, SHOWN_PROBLEMS)) print(`   ${problem}`);
      total.faults += result.faults.length;
      total.acknowledged += acknowledged;
      total.lost += lost;
      total.failures += problems.length > 0 ? 1 : 0;
    }
    for (const problem of await machine.compareFresh()) {
      print(`   after a clean stop: ${problem}`);
      total.failures += 1;
    }
    if (total.failures > 0) print(machine.logs());
  } catch (error) {
    print(machine.logs());
    throw error;
  } finally {
    await machine.stop();
  }
  const seconds = Math.round((performance.now() - startMs) / 1000);
  print(
    `${schedules} schedules, ${total.faults} faults, ${total.acknowledged} acknowledged, ` +
      `${total.lost} answers lost and asked for again, ${seconds} s: ` +
      (total.failures === 0
        ? 'nothing acknowledged was lost, nothing is there twice.'
        : `${total.failures} failed; repeat with --database ${kind} --seed ${seed}.`),
  );
  return total.failures === 0 ? 0 : 1;
}

runCampaign(main, ['--seed', values.seed]);
