/** What this machine is, for the binary cache (spec/networkcache.md 5). */
import { chooseDistribution, guessMultiarch, type Machine } from './machine.ts';

export interface MachineFacts {
  /** Text of a file of the host; undefined when it is missing. */
  readText(path: string): Promise<string | undefined>;
  /** First line that a program prints; undefined when it cannot be run. */
  ask(argv: readonly string[]): Promise<string | undefined>;
  /** As Node names it. */
  readonly arch: string;
}

/** @returns undefined where there is neither GCC nor a triplet that we know. */
export async function readMachine(facts: MachineFacts): Promise<Machine | undefined> {
  const osRelease =
    (await facts.readText('/etc/os-release')) ??
    (await facts.readText('/usr/lib/os-release')) ??
    '';
  const debianVersion = (await facts.readText('/etc/debian_version')) ?? '';
  const distribution = chooseDistribution({ osRelease, debianVersion });
  const asked = await facts.ask(['/usr/bin/gcc', '-dumpmachine']);
  const multiarch = asked ?? guessMultiarch(facts.arch, distribution);
  return multiarch === undefined ? undefined : { multiarch, distribution };
}
