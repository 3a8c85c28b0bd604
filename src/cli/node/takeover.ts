/** `node doctor --takeover`: what would change if this program took the node over. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { renderTakeover, type TakeoverFacts } from '../../doctor/takeover.ts';
import { createHostFiles } from '../../host/folder/host-files.ts';
import { type ProcessInfo, SupervisorClient } from '../../supervisor/client.ts';
import { supervisorPaths } from '../../supervisor/layout.ts';
import type { CommandContext } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { createOutput } from '../output.ts';
import { run as runFormat } from './format.ts';

const SCHEDULE_FOLDERS = ['/etc/cron.d', '/var/spool/cron/crontabs'];
const UNIT_FOLDERS = ['/etc/systemd/system', '/lib/systemd/system'];

export async function runTakeover(
  context: CommandContext,
  supervisor: TakeoverFacts['supervisor'],
  instanceRoot: string,
): Promise<number> {
  const [schedules, plan, runningServices] = [
    await listSchedules(),
    await planFormat(context),
    supervisor === 'absent' ? [] : await listRunning(instanceRoot),
  ];
  const facts = { ...plan, schedules, supervisor, runningServices };
  const { output, options } = context;
  if (options['format'] === 'json') output.line(JSON.stringify(facts, null, 2));
  else output.write(renderTakeover(facts));
  return EXIT.ok;
}

/** `node format --check`, with its output kept. */
async function planFormat(context: CommandContext) {
  const kept: string[] = [];
  const stream = {
    write: (text: string) => void kept.push(text),
    isTerminal: () => false,
    terminalColumns: () => undefined,
  };
  const output = createOutput(stream, {});
  const spec = context.commands.find(({ words }) => words === 'node format') ?? context.command;
  const status = await runFormat({ ...context, command: spec, output, options: { check: true } });
  return { formatPlan: kept.join(''), hasFormatSteps: status === EXIT.pending };
}

async function listRunning(instanceRoot: string): Promise<string[]> {
  const client = new SupervisorClient(supervisorPaths(instanceRoot).socket);
  try {
    const all = await client.call<readonly ProcessInfo[]>('supervisor.getAllProcessInfo');
    // The watchdog starts with every supervisor, at a path of its own.
    const services = all.filter(({ name }) => name !== 'watchdog');
    const running = services.filter(({ statename }) => statename === 'RUNNING');
    return running.map(({ group, name }) => (group === name ? name : `${group}:${name}`));
  } finally {
    client.close();
  }
}

/** Lines of cron that start `slapos`, and units of that name. */
async function listSchedules(): Promise<Array<{ path: string; line: string }>> {
  const files = createHostFiles();
  const list = async (folder: string) =>
    (await readdir(folder).catch(() => [])).sort().map((name) => join(folder, name));
  const tables = ['/etc/crontab', ...(await Promise.all(SCHEDULE_FOLDERS.map(list))).flat()];
  const found: Array<{ path: string; line: string }> = [];
  for (const path of tables) {
    const text = (await files.readText(path).catch(() => undefined)) ?? '';
    const lines = text.split('\n').filter((line) => /^[^#]*\bslapos\b/.test(line));
    found.push(...lines.map((line) => ({ path, line: line.trim() })));
  }
  const units = (await Promise.all(UNIT_FOLDERS.map(list))).flat();
  const own = units.filter((path) => /\/slap(os|grid)[^/]*\.(service|timer)$/.test(path));
  return [...found, ...own.map((path) => ({ path, line: 'a unit of systemd' }))];
}
