/** `cachelookup binary-sr`, and `cache lookup` as it was called (spec/networkcache.md 10). */
import { readFile, stat } from 'node:fs/promises';
import { runCommand } from '../../host/process/run-command.ts';
import { makeJsonPrintable, printableName } from '../../log/printable.ts';
import { type BinaryClaim, parseBinaryClaim } from '../../networkcache/entry.ts';
import { binaryKey } from '../../networkcache/key.ts';
import { isCompatible, type Machine } from '../../networkcache/machine.ts';
import { readMachine } from '../../networkcache/read-machine.ts';
import { isSigned } from '../../networkcache/signature.ts';
import { renderPythonJson } from '../../slap/python-json.ts';
import { comparePythonStrings } from '../../slap/python-text.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { renderTable } from '../table.ts';
import { type Lookup, lookUp, NOTHING_FOUND } from './lookup.ts';
import { renderSeedTable } from './seed-table.ts';

const TITLES = ['multiarch', 'distribution', 'version', 'id', 'compatible?', 'verified?'];
const ASK_TIMEOUT_MS = 10_000;

interface Build {
  readonly claim: BinaryClaim;
  readonly isCompatible: boolean;
  readonly isVerified: boolean;
}

export const run: CommandHandler = async (context) => {
  const [argument = ''] = context.positionals;
  const key = binaryKey(argument);
  const found = await lookUp(context, 'binary', key, {
    notFound: `Software release not found in binary cache: ${argument}`,
    refused: 'Problem occurred while connecting to shacache.',
    isRefusalCritical: true,
    failed: `Error while looking object ${argument}`,
  });
  if (found === undefined) return NOTHING_FOUND;
  const builds = listBuilds(found, await observeMachine(context));
  if (context.options['format'] === 'json') context.output.line(renderJson(key, builds));
  else tell(context, key, builds);
  return EXIT.ok;
};

/** In the server's order; entries that say nothing of a machine are left out. */
function listBuilds({ entries, trustedKeys }: Lookup, machine: Machine | undefined): Build[] {
  return entries.flatMap(({ signature, text }) => {
    const claim = parseBinaryClaim(text);
    if (claim === undefined) return [];
    return {
      claim,
      isCompatible: machine !== undefined && isCompatible(machine, claim.machine),
      isVerified: isSigned(text, signature, trustedKeys),
    };
  });
}

async function observeMachine({ env, log, signal }: CommandContext): Promise<Machine | undefined> {
  const machine = await readMachine({
    arch: process.arch,
    readText: (path) => readFile(path, 'utf8').catch(() => undefined),
    ask: async (argv) => {
      if (!(await stat(argv[0] ?? '').catch(() => undefined))) return undefined;
      const names = { PATH: env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' };
      const request = { argv, cwd: '/', env: names, timeoutMs: ASK_TIMEOUT_MS, signal };
      const outcome = await runCommand(request);
      return outcome.status === 0 ? outcome.output.trim() : undefined;
    },
  });
  if (machine === undefined) {
    log.warning(`No build counts as compatible: the triplet of ${process.arch} is not known.`);
  }
  return machine;
}

/** All of it goes through the log, as upstream: `--quiet` hides it. */
function tell({ calledAs, log }: CommandContext, key: string, builds: readonly Build[]): void {
  const [first] = builds;
  if (first === undefined) {
    log.info('Object found in cache, but has no binary entries.');
    return;
  }
  log.info(`Software URL: ${printableName(first.claim.softwareUrl ?? '')}`);
  log.info(`MD5:          ${key}`);
  const lines = calledAs === 'cache lookup' ? renderSeed(builds) : renderBuilds(builds);
  for (const line of lines) log.info(line);
}

function renderBuilds(builds: readonly Build[]): string[] {
  const rows = builds.map((build) => {
    const words = [build.claim.machine.multiarch, ...wordsOf(build)].map(printableName);
    return [...words, yesNo(build.isCompatible), yesNo(build.isVerified)];
  });
  return renderTable(TITLES, rows.sort(compareRows));
}

function renderSeed(builds: readonly Build[]): string[] {
  const rows = builds.map((build) => {
    return [...wordsOf(build).map(printableName), yesNo(build.isCompatible)];
  });
  return renderSeedTable(rows.sort(compareRows));
}

function wordsOf({ claim }: Build): readonly string[] {
  const { codename, id, version } = claim.machine.distribution;
  return [id, version, codename];
}

/** By one cell after the other, as Python compares lists. */
function compareRows(left: readonly string[], right: readonly string[]): number {
  const at = left.findIndex((cell, index) => cell !== right[index]);
  return at < 0 ? 0 : comparePythonStrings(left[at] ?? '', right[at] ?? '');
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}

function renderJson(key: string, builds: readonly Build[]): string {
  return makeJsonPrintable(
    renderPythonJson({
      md5: key,
      software_url: builds[0]?.claim.softwareUrl ?? null,
      entries: builds.map((build) => {
        const [distribution = '', version = '', id = ''] = wordsOf(build);
        return {
          ...{ multiarch: build.claim.machine.multiarch, distribution, version, id },
          ...{ compatible: build.isCompatible, verified: build.isVerified },
          sha512: build.claim.sha512 ?? null,
          software_url: build.claim.softwareUrl ?? null,
          software_root: build.claim.softwareRoot ?? null,
        };
      }),
    }),
  );
}
