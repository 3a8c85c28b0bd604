/** `slapos node status --format json`: the model of the node (docs/status.md); looks only. */
import { createHostFiles } from '../../host/host-files.ts';
import { makeJsonPrintable, makePrintable } from '../../log/printable.ts';
import { readNodeStatus } from '../../status/read-status.ts';
import { judgeNames, selectStatus } from '../../status/select-status.ts';
import { parseStatusSettings } from '../../status/settings.ts';
import { openStatusSources, type StatusSources } from '../../status/sources.ts';
import { EXIT } from '../../supervisor/ctl/session.ts';
import { supervisorPaths } from '../../supervisor/layout.ts';
import type { CommandContext } from '../command.ts';

/** Resolves to the exit status that the same words without `--format json` end with. */
export async function showStatusJson(
  context: CommandContext,
  names: readonly string[],
): Promise<number> {
  const sources = openStatusSources(parseStatusSettings(context.config, context.cwd));
  try {
    const status = await readNodeStatus(sources);
    context.output.line(makeJsonPrintable(JSON.stringify(selectStatus(status, names), null, 2)));
    if (!status.supervisor.isAvailable) {
      process.stderr.write(`${makePrintable(status.supervisor.reason)}\n`);
      return await explainAbsence(sources);
    }
    const { groups } = await sources.services.read();
    const { errors, isStopped } = judgeNames(groups, names);
    for (const error of errors) process.stderr.write(`${makePrintable(error)}\n`);
    if (isStopped) return EXIT.STOPPED_PROCESS;
    return errors.length > 0 ? EXIT.UNKNOWN : 0;
  } finally {
    sources.close();
  }
}

/** A supervisor that was never configured, one that is not there, and one that does not answer. */
async function explainAbsence({ settings }: StatusSources): Promise<number> {
  const files = createHostFiles();
  const { configuration, legacySocket, socket } = supervisorPaths(settings.instanceRoot);
  const [isConfigured, ...sockets] = await Promise.all(
    [configuration, legacySocket, socket].map(
      async (path) => (await files.stat(path).catch(() => undefined)) !== undefined,
    ),
  );
  if (isConfigured !== true) return EXIT.GENERIC;
  return sockets.includes(true) ? EXIT.UNKNOWN : EXIT.NOT_RUNNING;
}
