/** The firewall's own command, one call at a time, without a shell (firewall-cmd(1)). */
import type { FirewallSettings } from '../config/firewall-settings.ts';
import { SlaposError } from '../errors/slapos-error.ts';
import { childEnvironment } from '../grid/child-environment.ts';
import type { GridContext } from '../grid/context.ts';
import { findProgram } from '../host/process/find-program.ts';
import { slaposProgram } from '../host/process/slapos-program.ts';
import { type FirewallRule, ruleWords } from './rules.ts';

/** A reload may stop and start services; a message bus that is gone never answers. */
const TIMEOUT_MS = 180_000;

export interface FirewallAnswer {
  readonly status: number;
  /** The last line that is not empty: warnings come before it. */
  readonly word: string;
  readonly output: string;
}

/**
 * A program of `[firewall]` with its arguments.
 * @throws SlaposError SLAPOS_ERR_FIREWALL when it is missing or does not end.
 */
export async function runFirewallProgram(
  { env, host, log, signal }: GridContext,
  [program = '', ...words]: readonly string[],
): Promise<FirewallAnswer> {
  const argv = [...(await locate(program, env)), ...words];
  log.debug(`Running ${argv.join(' ')}`);
  const { isTimedOut, output, status } = await host.run({
    argv,
    cwd: '/',
    env: childEnvironment(env, { home: env['HOME'] ?? '/' }),
    timeoutMs: TIMEOUT_MS,
    signal,
  });
  if (isTimedOut) throw refusal([program, ...words], `no end after ${TIMEOUT_MS / 1000} s`);
  const lines = output.split('\n').map((line) => line.trim());
  return { status, output, word: lines.findLast((line) => line !== '') ?? '' };
}

async function locate(program: string, env: GridContext['env']): Promise<readonly string[]> {
  const path = await findProgram(program, env);
  if (path !== undefined) return [path];
  // The default reload command need not be in the PATH of a timer.
  if (program === 'slapos') return slaposProgram();
  throw new SlaposError('SLAPOS_ERR_FIREWALL', `There is no program ${program}.`, {
    hint: 'Install it, or correct section [firewall] of slapos.cfg.',
  });
}

/** What a refused command said. */
export function refusal(words: readonly string[], output: string): SlaposError {
  return new SlaposError(
    'SLAPOS_ERR_FIREWALL',
    `Failed to run ${words.join(' ')}: ${output.trim() || 'it said nothing'}`,
    { hint: 'See whether the firewall runs: `slapos node status firewall`.' },
  );
}

/** Rules that are added to the tables directly, for good (firewalld.direct(5)). */
export class DirectRules {
  readonly #command: FirewallSettings['command'];
  /** Texts of all rules; null where the command cannot list them. */
  #known: Set<string> | null | undefined;

  constructor(command: FirewallSettings['command']) {
    this.#command = command;
  }

  /** @returns whether something was changed. @throws SlaposError SLAPOS_ERR_FIREWALL */
  async add(context: GridContext, rule: FirewallRule): Promise<boolean> {
    if (await this.#has(context, rule)) return false;
    await this.#change(context, '--add-rule', rule);
    this.#known?.add(textOf(rule));
    return true;
  }

  /** @returns whether something was changed. @throws SlaposError SLAPOS_ERR_FIREWALL */
  async remove(context: GridContext, rule: FirewallRule): Promise<boolean> {
    if (!(await this.#has(context, rule))) return false;
    await this.#change(context, '--remove-rule', rule);
    this.#known?.delete(textOf(rule));
    return true;
  }

  /** One list instead of a question for each rule: each call takes some tenths of a second. */
  async #has(context: GridContext, rule: FirewallRule): Promise<boolean> {
    if (this.#known === undefined) this.#known = (await this.#list(context)) ?? null;
    if (this.#known !== null) return this.#known.has(textOf(rule));
    const words = this.#words('--query-rule', rule);
    const answer = await runFirewallProgram(context, words);
    if (answer.word === 'yes') return true;
    if (answer.word === 'no') return false;
    throw refusal(words, answer.output);
  }

  async #list(context: GridContext): Promise<Set<string> | undefined> {
    const words = [...this.#command, '--permanent', '--direct', '--get-all-rules'];
    const { output, status } = await runFirewallProgram(context, words);
    return status === 0 ? parseRuleList(output) : undefined;
  }

  async #change(context: GridContext, verb: string, rule: FirewallRule): Promise<void> {
    const words = this.#words(verb, rule);
    const answer = await runFirewallProgram(context, words);
    if (answer.status !== 0 || answer.word !== 'success') throw refusal(words, answer.output);
  }

  #words(verb: string, rule: FirewallRule): readonly string[] {
    return [...this.#command, '--permanent', '--direct', verb, ...ruleWords(rule)];
  }
}

function textOf(rule: FirewallRule): string {
  return ruleWords(rule).join(' ');
}

/** Rules as `--get-all-rules` prints them; undefined when a line is no rule. */
export function parseRuleList(output: string): Set<string> | undefined {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const isRule = (line: string) => /^(ipv4|ipv6|eb) \S+ \S+ -?\d+ \S/.test(line);
  return lines.every(isRule) ? new Set(lines) : undefined;
}
