/** `slapos node status --format json`: the model of the node (docs/status.md); looks only. */
import { errorMessage } from '../../errors/slapos-error.ts';
import { createHostFiles } from '../../host/folder/host-files.ts';
import { makeJsonPrintable, makePrintable } from '../../log/printable.ts';
import type { NodeStatus } from '../../status/model.ts';
import { readNodeStatus } from '../../status/read-status.ts';
import { judgeNames, selectStatus } from '../../status/select-status.ts';
import { parseStatusSettings } from '../../status/settings.ts';
import { openStatusSources, type StatusSources } from '../../status/sources.ts';
import { EXIT } from '../../supervisor/ctl/session.ts';
import { supervisorPaths } from '../../supervisor/layout.ts';
import type { CommandContext } from '../command.ts';
import { readCertificates } from './certificate-paths.ts';

/** Resolves to the exit status that the same words without `--format json` end with. */
export async function showStatusJson(
  context: CommandContext,
  names: readonly string[],
): Promise<number> {
  const sources = openStatusSources(parseStatusSettings(context.config, context.cwd));
  try {
    const status = await withCertificates(await readNodeStatus(sources), context);
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

/** Nobody but root can read the keys: others see the node without them. */
async function withCertificates(status: NodeStatus, context: CommandContext): Promise<NodeStatus> {
  try {
    const certificates = (await readCertificates(context)).map(({ name, state, facts }) => {
      return { name, state, notAfterMs: facts?.notAfterMs ?? null };
    });
    return certificates.length === 0 ? status : { ...status, certificates };
  } catch (error) {
    const problem = `Cannot look at the certificates: ${errorMessage(error)}`;
    return { ...status, problems: [...(status.problems ?? []), problem] };
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
