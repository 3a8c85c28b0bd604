// Known vulnerabilities of what is bundled and of what builds it, as `npm audit` tells them.
import { spawnSync } from 'node:child_process';

const SERIOUS = new Set(['high', 'critical']);
/** A registry that takes the question and does not answer must not hold up the check. */
const LIMIT_MS = 60_000;

function describe(name, { severity, via, isDirect }) {
  const titles = via
    .filter((each) => typeof each === 'object')
    .map(({ title, url }) => {
      return `${title} (${url})`;
    });
  return `${name}${isDirect ? '' : ', needed by others'}: ${severity}: ${titles.join('; ') || via.join(', ')}`;
}

/**
 * @returns the serious ones as `problems`, or why nobody could be asked as `reason`: registries
 *   other than the public one need not know any.
 */
export function auditProblems(root) {
  const { stdout, error } = spawnSync('npm', ['audit', '--json'], {
    cwd: root,
    encoding: 'utf8',
    timeout: LIMIT_MS,
  });
  if (error !== undefined) return { problems: [], reason: error.message };
  const answer = parse(stdout);
  if (answer?.vulnerabilities === undefined) {
    return { problems: [], reason: answer?.message ?? 'npm audit gave no answer' };
  }
  const serious = Object.entries(answer.vulnerabilities).filter(([, { severity }]) =>
    SERIOUS.has(severity),
  );
  return { problems: serious.map(([name, found]) => describe(name, found)) };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
