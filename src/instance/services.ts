/** The supervisor's group file of a partition (spec/grid.md 7.5). */

export interface ServiceFacts {
  readonly partitionId: string;
  readonly folder: string;
  readonly uid: number;
  readonly gid: number;
  readonly userName: string;
  readonly home: string;
  /** Names of the entries of `etc/run` and `etc/service`. */
  readonly runNames: readonly string[];
  readonly serviceNames: readonly string[];
}

interface Program {
  readonly name: string;
  readonly command: string;
  readonly processName: string;
}

/** Characters that mean something in the supervisor's configuration, or end a line of it. */
const UNSAFE_NAME = /[^A-Za-z0-9_.@+~-]/;

/**
 * Names that may not become a program: they come from a folder of the partition and end up in a
 * file that root's supervisor reads, where a newline, `%`, `;` or a quote would be syntax.
 */
export function refusedServiceNames(names: readonly string[]): readonly string[] {
  return names.filter((name) => UNSAFE_NAME.test(name));
}

/** @returns the text of `<partition>.conf`, or undefined when there is no program. */
export function renderServiceGroup(facts: ServiceFacts): string | undefined {
  const programs = listPrograms(facts);
  if (programs.length === 0) return undefined;
  const group = facts.partitionId;
  const names = programs.map((program) => `${group}_${program.name}`).join(',');
  return [
    `[group:${group}]\nprograms=${names}\n`,
    ...programs.map((program) => renderProgram(facts, program)),
  ].join('\n');
}

/** Run scripts first, then services; a service replaces the run script of its name in its place. */
function listPrograms(facts: ServiceFacts): readonly Program[] {
  const programs = new Map<string, Program>();
  for (const name of usable(facts.runNames)) {
    programs.set(name, { name, command: `${facts.folder}/etc/run/${name}`, processName: name });
  }
  for (const name of usable(facts.serviceNames)) {
    const command = `${facts.folder}/etc/service/${name}`;
    programs.set(name, { name, command, processName: `${name}-on-watch` });
  }
  return [...programs.values()];
}

function usable(names: readonly string[]): readonly string[] {
  return names.filter((name) => !UNSAFE_NAME.test(name)).sort(byCodePoint);
}

function byCodePoint(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}

function renderProgram(facts: ServiceFacts, program: Program): string {
  const section = `${facts.partitionId}_${program.name}`;
  const log = `${facts.folder}/.${section}.log`;
  return `[program:${section}]
directory=${facts.folder}
command=${program.command}
process_name=${program.processName}
autostart=false
autorestart=false
startsecs=0
startretries=0
exitcodes=0
stopsignal=TERM
stopwaitsecs=60
stopasgroup=true
killasgroup=true
user=${facts.uid}
group=${facts.gid}
serverurl=AUTO
redirect_stderr=true
stdout_logfile=${log}
stdout_logfile_maxbytes=100KB
stdout_logfile_backups=1
stderr_logfile=${log}
stderr_logfile_maxbytes=100KB
stderr_logfile_backups=1
environment=USER="${facts.userName}",LOGNAME="${facts.userName}",HOME="${facts.home}"
`;
}

/** Files of `supervisord.conf.d` that belong to a partition: its own group and its managers' groups. */
export function isPartitionServiceFile(fileName: string, partitionId: string): boolean {
  return fileName === `${partitionId}.conf` || fileName.startsWith(`${partitionId}-`);
}
