/** The supervisor's group file of a partition (spec/grid.md 7.5). */
import type { UserIdentity } from '../host/user/user.ts';

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

/** A program of a group. */
export interface GroupProgram {
  /** Its section is `program:<group>_<name>`. */
  readonly name: string;
  readonly command: string;
  readonly processName: string;
  readonly user: Pick<UserIdentity, 'uid' | 'gid' | 'name' | 'home'>;
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
  return renderGroup(facts.partitionId, facts.folder, listPrograms(facts));
}

/**
 * @param folder where the programs run and have their logs
 * @returns the text of a group's file, or undefined when there is no program.
 */
export function renderGroup(
  group: string,
  folder: string,
  programs: readonly GroupProgram[],
): string | undefined {
  if (programs.length === 0) return undefined;
  const names = programs.map((program) => `${group}_${program.name}`).join(',');
  return [
    `[group:${group}]\nprograms=${names}\n`,
    ...programs.map((program) => renderProgram(`${group}_${program.name}`, folder, program)),
  ].join('\n');
}

/** Run scripts first, then services; a service replaces the run script of its name in its place. */
function listPrograms(facts: ServiceFacts): readonly GroupProgram[] {
  const programs = new Map<string, GroupProgram>();
  const user = { uid: facts.uid, gid: facts.gid, name: facts.userName, home: facts.home };
  for (const name of usable(facts.runNames)) {
    const command = `${facts.folder}/etc/run/${name}`;
    programs.set(name, { name, command, processName: name, user });
  }
  for (const name of usable(facts.serviceNames)) {
    const command = `${facts.folder}/etc/service/${name}`;
    programs.set(name, { name, command, processName: `${name}-on-watch`, user });
  }
  return [...programs.values()];
}

function usable(names: readonly string[]): readonly string[] {
  return names.filter((name) => !UNSAFE_NAME.test(name)).sort();
}

function renderProgram(section: string, folder: string, program: GroupProgram): string {
  const { user } = program;
  const log = `${folder}/.${section}.log`;
  return `[program:${section}]
directory=${folder}
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
user=${user.uid}
group=${user.gid}
serverurl=AUTO
redirect_stderr=true
stdout_logfile=${log}
stdout_logfile_maxbytes=100KB
stdout_logfile_backups=1
stderr_logfile=${log}
stderr_logfile_maxbytes=100KB
stderr_logfile_backups=1
environment=USER="${user.name}",LOGNAME="${user.name}",HOME="${user.home}"
`;
}

/** Files of `supervisord.conf.d` that belong to a partition: its own group and its managers' groups. */
export function isPartitionServiceFile(fileName: string, partitionId: string): boolean {
  return fileName === `${partitionId}.conf` || fileName.startsWith(`${partitionId}-`);
}
