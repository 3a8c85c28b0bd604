/** What the programs of `test/campaign` have in common. */
import { enterNamespace } from './campaign-namespace.ts';

/** Whether the long campaign is asked for, not a slice of it. */
export const isFull = process.env['CAMPAIGN'] === 'full';

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** For `--seed`, where none is given. */
export function drawSeed(): string {
  return String(Date.now() % 1_000_000);
}

/**
 * Runs a campaign that works in a private namespace, and ends the process.
 * @param main gives the exit status; what it throws is printed, and the status is 1
 * @param drawn words that the program within the namespace is given besides its own, such as a seed
 */
export function runCampaign(main: () => Promise<number>, drawn: readonly string[] = []): void {
  if (!enterNamespace(drawn)) return;
  main().then(
    (status) => process.exit(status),
    (error: unknown) => {
      print(error instanceof Error ? String(error.stack) : String(error));
      process.exit(1);
    },
  );
}
