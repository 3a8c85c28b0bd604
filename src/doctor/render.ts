/** Findings as text: one line each, and below it what to do. Pure. */
import type { Finding, Severity } from './finding.ts';

const SIGNS: Readonly<Record<Severity, string>> = { ok: 'ok', warning: 'warn', problem: 'FAIL' };
const COLORS: Readonly<Record<Severity, number>> = { ok: 32, warning: 33, problem: 31 };

export function renderFindings(findings: readonly Finding[], hasColors: boolean): string {
  const width = Math.max(...findings.map(({ subject }) => subject.length));
  const lines = findings.flatMap(({ severity, subject, text, fix }) => {
    const sign = SIGNS[severity].padEnd(4);
    const shown = hasColors ? `\u001b[${COLORS[severity]}m${sign}\u001b[0m` : sign;
    const line = `${shown}  ${subject.padEnd(width)}  ${text}`;
    return fix === '' ? [line] : [line, `${' '.repeat(width + 8)}→ ${fix}`];
  });
  return `${[...lines, '', renderSummary(findings)].join('\n')}\n`;
}

function renderSummary(findings: readonly Finding[]): string {
  const count = (severity: Severity) => findings.filter((one) => one.severity === severity).length;
  const [problems, warnings] = [count('problem'), count('warning')];
  if (problems + warnings === 0) return 'This node is well.';
  return `${problems} problem(s), ${warnings} warning(s).`;
}
