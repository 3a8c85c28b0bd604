/** Logs that the daemon writes for services in pipe mode and for listeners. */
import { errorMessage } from '../errors/slapos-error.ts';
import { ProgramLogWriter } from '../host/program-log-writer.ts';
import type { MainLog } from './main-log.ts';
import type { ManagedProcess } from './managed-process.ts';
import type { Channel, OutputLog } from './service-output.ts';

const NOWHERE: OutputLog = { write() {}, reopen() {}, close() {} };

/** The log of a channel; what cannot be written is told to the main log once and lost. */
export function openOutputLog(
  process: ManagedProcess,
  channel: Channel,
  ownUid: number,
  mainLog: MainLog,
): OutputLog {
  const path = process.logs[channel];
  if (path === '') return NOWHERE;
  return new ProgramLogWriter(path, process.config.uid ?? ownUid, (error) => {
    mainLog.write('CRIT', `cannot write ${path}: ${errorMessage(error)}`);
  });
}
