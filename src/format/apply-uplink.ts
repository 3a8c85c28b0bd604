/**
 * The move of addresses and routes to the bridge: one batch, then the question whether the default
 * gateway still answers, and if it does not, the way back.
 */
import { HostError, isSlaposError, type SlaposError } from '../errors/slapos-error.ts';
import type { OperationResult } from '../host/host.ts';
import type { NetlinkOperation } from '../host/network/native-network.ts';
import type { FormatPorts } from './ports.ts';
import type { StepOf } from './step.ts';
import { JOURNAL_MODE } from './uplink-journal.ts';

export async function writeUplinkJournal(
  { path, content }: StepOf<'uplinkJournal'>,
  { host }: Pick<FormatPorts, 'host'>,
): Promise<void> {
  if (content === null) return host.files.remove(path);
  await host.files.write(path, content, { mode: JOURNAL_MODE });
}

/** What an operation refused with these has come about already (errno(3)). */
const GONE: ReadonlySet<number> = new Set([2, 3, 19, 99]); // ENOENT ESRCH ENODEV EADDRNOTAVAIL
const THERE: ReadonlySet<number> = new Set([17]); // EEXIST

const REMOVALS: ReadonlySet<NetlinkOperation['op']> = new Set(['addrDel', 'routeDel', 'linkDel']);

/** @throws SlaposError when the move was refused or lost the gateway; then it was undone. */
export async function moveUplink(
  step: StepOf<'uplinkMove'>,
  { host }: Pick<FormatPorts, 'host'>,
): Promise<void> {
  const problem = await tryMove(step, { host });
  if (problem === undefined) return host.files.remove(step.journal);
  const refusal = firstRefusal(await host.network.apply(step.backward));
  if (refusal !== undefined) throw notUndone(step, problem, refusal);
  await host.files.remove(step.journal);
  throw undone(step, problem);
}

async function tryMove(
  step: StepOf<'uplinkMove'>,
  { host }: Pick<FormatPorts, 'host'>,
): Promise<SlaposError | undefined> {
  const { bridge, forward, gateways, timeoutMs } = step;
  try {
    const refusal = firstRefusal(await host.network.apply(forward));
    if (refusal !== undefined) return refusal;
    const silent = await host.network.awaitNeighbours(bridge, gateways, timeoutMs);
    return silent.length === 0 ? undefined : gatewayLost(step, silent);
  } catch (error) {
    if (isSlaposError(error)) return error;
    throw error;
  }
}

/** @throws SlaposError when something could not be put back; the journal stays then. */
export async function restoreUplink(
  { backward, journal, bridge, ports }: StepOf<'uplinkRestore'>,
  { host }: Pick<FormatPorts, 'host'>,
): Promise<void> {
  const refusal = firstRefusal(await host.network.apply(backward));
  if (refusal !== undefined) {
    const what = `Not all of ${ports.join(', ')} could be put back from ${bridge}`;
    throw new HostError('SLAPOS_ERR_NETLINK', `${what}: ${refusal.message}`, refusal, {
      cause: refusal,
      hint: 'Run slapos node format again: it tries again.',
    });
  }
  await host.files.remove(journal);
}

function firstRefusal(
  results: ReadonlyArray<OperationResult<NetlinkOperation>>,
): HostError | undefined {
  return results.find(({ operation, error }) => {
    if (error === undefined) return false;
    return !(REMOVALS.has(operation.op) ? GONE : THERE).has(error.errno);
  })?.error;
}

function gatewayLost(step: StepOf<'uplinkMove'>, silent: readonly string[]): HostError {
  const many = silent.length > 1;
  const message =
    `The default gateway${many ? 's' : ''} ${silent.join(' and ')} ${many ? 'do' : 'does'} not ` +
    `answer through ${step.bridge} within ${step.timeoutMs / 1000} s`;
  return new HostError('SLAPOS_ERR_GATEWAY_LOST', message, {});
}

function undone(step: StepOf<'uplinkMove'>, problem: SlaposError): HostError {
  const message = `${trimmed(problem.message)}; ${step.ports.join(', ')} has everything back.`;
  return new HostError(problem.code, message, problem as Partial<HostError>, {
    cause: problem,
    hint:
      problem.code === 'SLAPOS_ERR_GATEWAY_LOST'
        ? 'Check that the gateway answers ARP or neighbour discovery, and what bridge_ports names.'
        : (problem.hint ?? 'Correct bridge_ports, or remove it.'),
    context: { key: 'bridge_ports', ports: step.ports, bridge: step.bridge },
  });
}

function notUndone(step: StepOf<'uplinkMove'>, problem: SlaposError, refusal: HostError) {
  const message =
    `${trimmed(problem.message)}, and not everything could be put back on ` +
    `${step.ports.join(', ')}: ${refusal.message}`;
  return new HostError(problem.code, message, refusal, {
    cause: problem,
    hint: `Run slapos node format again, or put back what ${step.journal} tells by hand.`,
  });
}

const trimmed = (message: string): string => message.replace(/\.$/, '');
