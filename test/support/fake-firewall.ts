/** firewall-cmd and its reload command in memory, behind the port that runs commands. */
import type { CommandOutcome, RunCommand } from '../../src/host/grid-host.ts';

export interface FakeFirewall {
  readonly run: RunCommand;
  /** Every command, program first. */
  readonly commands: string[];
  /** Rules for good, as `--get-all-rules` prints them. */
  readonly rules: Set<string>;
  readonly chains: Set<string>;
  /** Commands that fail: a part of their text, and what they print. */
  readonly refusals: Map<string, string>;
  /** False: `--get-all-rules` is an unknown option, as for simple stand-ins. */
  canList: boolean;
}

export function createFakeFirewall(): FakeFirewall {
  const { commands, rules, chains, refusals } = {
    commands: [] as string[],
    rules: new Set<string>(),
    chains: new Set<string>(),
    refusals: new Map<string, string>(),
  };
  const answer = (words: readonly string[]): readonly [number, string] => {
    const at = words.findIndex((word) => /^--(query|add|remove|get)-/.test(word));
    const subject = words.slice(at + 1).join(' ');
    const ask = (has: boolean) => (has ? ([0, 'yes'] as const) : ([1, 'no'] as const));
    const change = (work: () => unknown) => {
      work();
      return [0, 'success'] as const;
    };
    switch (words[at]) {
      case '--get-all-rules':
        return firewall.canList ? [0, [...rules].join('\n')] : [2, 'usage: see --help'];
      case '--query-rule':
        return ask(rules.has(subject));
      case '--add-rule':
        return change(() => rules.add(subject));
      case '--remove-rule':
        return change(() => rules.delete(subject));
      case '--remove-rules':
        return change(() => {
          for (const rule of rules) if (rule.startsWith(`${subject} `)) rules.delete(rule);
        });
      case '--query-chain':
        return ask(chains.has(subject));
      case '--add-chain':
        return change(() => chains.add(subject));
      case '--remove-chain':
        return change(() => chains.delete(subject));
      default:
        return [0, 'success'];
    }
  };
  const firewall: FakeFirewall = {
    commands,
    rules,
    chains,
    refusals,
    canList: true,
    async run({ argv }): Promise<CommandOutcome> {
      const text = argv.join(' ');
      commands.push(text);
      const refused = [...refusals].find(([part]) => text.includes(part));
      const [status, output] = refused === undefined ? answer(argv) : [13, refused[1]];
      return { status, output: `${output}\n`, signal: 0, isTruncated: false, isTimedOut: false };
    },
  };
  return firewall;
}
