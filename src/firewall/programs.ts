/** The supervisor's files of the firewall and its message bus (spec/grid.md 7.1.3). */
import type { FirewallProgram, FirewallSettings } from '../config/firewall-settings.ts';
import type { GridHost } from '../host/grid-host.ts';

const FILE_MODE = 0o600;
/** Where upstream runs them; a package need not have it. */
const UPSTREAM_FOLDER = '/opt/slapos';
const NAMES: ReadonlyArray<FirewallProgram['name']> = ['firewall', 'dbus'];

/**
 * The text of `firewall.conf` or `dbus.conf`.
 * @param folder where the program runs
 */
export function renderFirewallProgram(program: FirewallProgram, folder: string): string {
  const log = literal(program.logFile);
  return `[program:${program.name}]
directory=${folder}
command=${literal(program.command)}
process_name=${program.name}
priority=${program.priority}
autostart=true
autorestart=true
startsecs=0
startretries=0
exitcodes=0
stopsignal=TERM
stopwaitsecs=60
user=0
group=0
serverurl=AUTO
redirect_stderr=true
stdout_logfile=${log}
stdout_logfile_maxbytes=100KB
stdout_logfile_backups=1
stderr_logfile=${log}
stderr_logfile_maxbytes=100KB
stderr_logfile_backups=1
`;
}

/** `%` starts an expansion in the supervisor's language. */
function literal(text: string): string {
  return text.replaceAll('%', '%%');
}

/**
 * Writes the file of each program that the settings ask for, and removes the others.
 * @returns whether the supervisor has to look at its files again.
 */
export async function writeFirewallPrograms(
  host: Pick<GridHost, 'openFolder' | 'stat'>,
  instanceRoot: string,
  settings: FirewallSettings | undefined,
): Promise<boolean> {
  const folder = host.openFolder(`${instanceRoot}/etc/supervisord.conf.d`);
  const isUpstream = (await host.stat(UPSTREAM_FOLDER))?.kind === 'directory';
  const home = isUpstream ? UPSTREAM_FOLDER : '/';
  let isChanged = false;
  for (const name of NAMES) {
    const file = `${name}.conf`;
    const program = settings?.programs.find((each) => each.name === name);
    const text = program === undefined ? undefined : renderFirewallProgram(program, home);
    if ((await folder.readText(file)) === text) continue;
    if (text === undefined) await folder.remove(file);
    else await folder.write(file, text, { mode: FILE_MODE });
    isChanged = true;
  }
  return isChanged;
}
