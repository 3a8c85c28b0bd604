/**
 * Sorts the words of a command line into options and positionals by the rules of Python's
 * argparse, which scripts rely on: unambiguous prefixes of long options, `--option=value`, short
 * options with their value attached, lists that take every word up to the next option.
 */
import type { OptionSpec } from './command.ts';
import { CommandLineError } from './command-line-error.ts';

/** One option as it was given. */
export interface GivenOption {
  readonly spec: OptionSpec;
  readonly values: readonly string[];
}

/** How words that are no known option are treated. */
export type PositionalMode = 'normal' | 'rest' | 'passthrough';

export interface TokenTables {
  /** Options of the command: prefixes are accepted except in mode `passthrough`. */
  readonly command: readonly OptionSpec[];
  /** Options that keep their meaning among the words of `rest` and `passthrough`. */
  readonly global: readonly OptionSpec[];
  readonly mode: PositionalMode;
}

export interface Tokens {
  readonly given: readonly GivenOption[];
  readonly positionals: readonly string[];
}

interface Match {
  readonly spec: OptionSpec;
  readonly flag: string;
  /** Value written in the same word. */
  readonly inline: string | undefined;
}

const NEGATIVE_NUMBER = /^-\d+$|^-\d*\.\d+$/;

/** Whether argparse would look for an option in this word. */
export function looksLikeOption(word: string): boolean {
  return word.length > 1 && word.startsWith('-') && !NEGATIVE_NUMBER.test(word);
}

function splitInline(word: string): { readonly flag: string; readonly inline: string | undefined } {
  const at = word.indexOf('=');
  return at < 0
    ? { flag: word, inline: undefined }
    : { flag: word.slice(0, at), inline: word.slice(at + 1) };
}

function findExact(word: string, options: readonly OptionSpec[]): Match | undefined {
  for (const candidate of [{ flag: word, inline: undefined }, splitInline(word)]) {
    const spec = options.find((option) => option.flags.includes(candidate.flag));
    if (spec !== undefined) return { spec, ...candidate };
  }
  return undefined;
}

/** `-mhi`: a short option with its value, or several short flags in one word. */
function findCluster(word: string, options: readonly OptionSpec[]): Match[] | undefined {
  if (word.startsWith('--') || word.length < 3) return undefined;
  const matches: Match[] = [];
  for (let at = 1; at < word.length; at++) {
    const flag = `-${word[at]}`;
    const spec = options.find((option) => option.flags.includes(flag));
    if (spec === undefined) return undefined;
    if (spec.arity !== 'flag') {
      matches.push({ spec, flag, inline: word.slice(at + 1) || undefined });
      return matches;
    }
    matches.push({ spec, flag, inline: undefined });
  }
  return matches;
}

function findPrefix(word: string, options: readonly OptionSpec[]): Match | undefined {
  if (!word.startsWith('--') || word === '--') return undefined;
  const { flag, inline } = splitInline(word);
  const matches = options.flatMap((spec) =>
    spec.flags.filter((one) => one.startsWith(flag)).map((one) => ({ spec, flag: one, inline })),
  );
  if (new Set(matches.map((match) => match.spec.name)).size > 1) {
    const names = matches.map((match) => match.flag).join(', ');
    throw new CommandLineError(`ambiguous option: ${flag} could match ${names}`);
  }
  return matches[0];
}

/** `--dry-run` for `--dry_run` and the reverse: upstream's names mix both, people need not know. */
function findRespelled(word: string, options: readonly OptionSpec[]): Match | undefined {
  if (!word.startsWith('--')) return undefined;
  const { flag, inline } = splitInline(word);
  const spelled = flag.replaceAll('_', '-');
  for (const spec of options) {
    const found = spec.flags.find((one) => one.replaceAll('_', '-') === spelled);
    if (found !== undefined) return { spec, flag: found, inline };
  }
  return undefined;
}

/** The options in one word; undefined when it is not a known option. */
function matchWord(
  word: string,
  options: readonly OptionSpec[],
  hasPrefixes: boolean,
): readonly Match[] | undefined {
  if (!looksLikeOption(word)) return undefined;
  const exact = findExact(word, options);
  if (exact !== undefined) return [exact];
  const cluster = findCluster(word, options);
  if (cluster !== undefined) return cluster;
  const long =
    (hasPrefixes ? findPrefix(word, options) : undefined) ?? findRespelled(word, options);
  return long === undefined ? undefined : [long];
}

/** Takes the values of an option from the words that follow it. */
function takeValues(match: Match, following: readonly string[], end: number): string[] {
  const { spec, inline } = match;
  if (inline !== undefined) {
    if (spec.arity === 'flag') {
      throw new CommandLineError(
        `argument ${spec.flags.join('/')}: ignored explicit argument '${inline}'`,
      );
    }
    return [inline];
  }
  if (spec.arity === 'flag' || spec.arity === 'optional') return [];
  const values: string[] = [];
  for (const word of following.slice(0, end)) {
    if (isOptionWord(word) || (spec.arity === 'value' && values.length === 1)) break;
    values.push(word);
  }
  if (values.length > 0) return values;
  const wanted = spec.arity === 'list' ? 'at least one argument' : 'one argument';
  throw new CommandLineError(`argument ${spec.flags.join('/')}: expected ${wanted}`);
}

/** A word that ends the values of the option before it. */
function isOptionWord(word: string): boolean {
  return looksLikeOption(word) && !word.includes(' ');
}

/**
 * Sorts words into options and positionals.
 * @throws CommandLineError for an unknown or ambiguous option and for a missing value.
 */
export function tokenize(words: readonly string[], tables: TokenTables): Tokens {
  const separator = words.indexOf('--');
  const end = separator < 0 ? words.length : separator;
  const given: GivenOption[] = [];
  const positionals: string[] = [];
  const unknown: string[] = [];
  for (let at = 0; at < end; at++) {
    const word = words[at] as string;
    const isRest = tables.mode === 'rest' && positionals.length > 0;
    const options = isRest ? tables.global : [...tables.command, ...tables.global];
    const matches = matchWord(word, options, !isRest && tables.mode !== 'passthrough');
    if (matches === undefined) {
      const isPlain = isRest || tables.mode === 'passthrough' || !isOptionWord(word);
      (isPlain ? positionals : unknown).push(word);
      continue;
    }
    for (const match of matches) {
      const values = takeValues(match, words.slice(at + 1), end - at - 1);
      given.push({ spec: match.spec, values });
      if (match.inline === undefined) at += values.length;
    }
  }
  positionals.push(...words.slice(end + 1));
  if (unknown.length > 0)
    throw new CommandLineError(`unrecognized arguments: ${unknown.join(' ')}`);
  return { given, positionals };
}

/** Matches one word that stands before the command: global options only. */
export function takeGlobalOption(
  words: readonly string[],
  global: readonly OptionSpec[],
): { readonly given: readonly GivenOption[]; readonly used: number } | undefined {
  const matches = matchWord(words[0] ?? '', global, true);
  if (matches === undefined) return undefined;
  let used = 1;
  const given = matches.map((match) => {
    const values = takeValues(match, words.slice(used), words.length - used);
    if (match.inline === undefined) used += values.length;
    return { spec: match.spec, values };
  });
  return { given, used };
}
