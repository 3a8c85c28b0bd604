/** What changes when this program takes a node over that upstream's has run, and back. Pure. */

export interface TakeoverFacts {
  /** Lines that start upstream's programs, with the file they stand in. */
  readonly schedules: ReadonlyArray<{ readonly path: string; readonly line: string }>;
  /** What `node format --check` prints. */
  readonly formatPlan: string;
  readonly hasFormatSteps: boolean;
  readonly supervisor: 'running' | 'foreign' | 'absent';
  /** Full names of the services that stop and start once. */
  readonly runningServices: readonly string[];
}

export function renderTakeover(facts: TakeoverFacts): string {
  return [
    renderSchedules(facts.schedules),
    renderFormat(facts),
    renderSupervisor(facts),
    '4. slapos node software, instance, report as before: nothing is installed anew.',
    'Back: the same order with the other program. See docs/takeover.md.',
    '',
  ].join('\n');
}

function renderSchedules(schedules: TakeoverFacts['schedules']): string {
  const title = '1. Stop what starts the other program:';
  if (schedules.length === 0) return `${title} nothing was found in cron or systemd.`;
  return [title, ...schedules.map(({ path, line }) => `   ${path}: ${line}`)].join('\n');
}

function renderFormat({ formatPlan, hasFormatSteps }: TakeoverFacts): string {
  const title = '2. slapos node format --now';
  if (!hasFormatSteps) return `${title}: nothing would change.`;
  const lines = formatPlan.trimEnd().split('\n');
  return [`${title} would do:`, ...lines.map((line) => `   ${line}`)].join('\n');
}

const REPLACE = ['slapos node supervisorctl shutdown', 'slapos node supervisord'];

function quoteForShell(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** Nothing but what ran is started: scripts that had done their work would run again. */
function restart(services: readonly string[]): readonly string[] {
  return services.length === 0
    ? []
    : [`slapos node start ${services.map(quoteForShell).join(' ')}`];
}

function renderSupervisor({ supervisor, runningServices }: TakeoverFacts): string {
  switch (supervisor) {
    case 'running':
      return '3. The supervisor is ours already.';
    case 'absent':
      return '3. slapos node supervisord: no supervisor runs.';
    default:
      return [
        `3. ${runningServices.length} services stop and start once (keep this line, it names them):`,
        `   ${[...REPLACE, ...restart(runningServices)].join(' && ')}`,
      ].join('\n');
  }
}
