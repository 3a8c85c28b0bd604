/** A supervisor that is about to end refuses every call (spec/supervisor.md 4.2). */
import { SlaposError } from '../errors/slapos-error.ts';
import { FAULTS } from './rpc/fault.ts';
import { isRpcFault } from './rpc/xml-rpc.ts';

/** Whether it refused a call because it shuts down. */
export function isShuttingDown(error: unknown): boolean {
  return isRpcFault(error) && error.faultCode === FAULTS.SHUTDOWN_STATE;
}

/** What to tell of it, where its end is not waited for. */
export function shuttingDown(address: string, cause: unknown): SlaposError {
  const message = `The supervisor at ${address} is shutting down.`;
  return new SlaposError('SLAPOS_ERR_SUPERVISOR', message, {
    cause,
    context: { address },
    hint:
      'Services that take long keep it: see var/log/supervisord.log below the instance root. ' +
      'Run the command again once it has ended.',
  });
}
