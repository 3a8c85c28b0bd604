/** The logs that the daemon writes: its own, and those of services in pipe mode and of listeners. */
import { errorMessage } from '../../errors/slapos-error.ts';
import { ProgramLogWriter } from '../../host/log/program-log-writer.ts';
import { RotatingFile } from '../../host/log/rotating-file.ts';
import { writeSyslog } from '../../host/log/syslog.ts';
import type { DaemonConfig } from '../configuration/program-config.ts';
import type { ManagedProcess } from '../process/managed-process.ts';
import { createMainLog, type MainLog } from './main-log.ts';
import type { Channel, OutputLog } from './service-output.ts';

const NOWHERE: OutputLog = { write() {}, reopen() {}, close() {} };

/** Sends lines of the main log, without their date, to the system log. */
const systemLog = {
  append: (line: string | Uint8Array) =>
    writeSyslog('supervisord', [
      String(line)
        .replace(/^\S+ \S+ /, '')
        .trimEnd(),
    ]),
  reopen() {},
  clear() {},
};

/**
 * The main log; in the foreground its lines go to `echo` too.
 * @throws the system's error when the file cannot be opened.
 */
export function openMainLog(
  daemon: DaemonConfig,
  echo: ((line: string) => void) | undefined,
): MainLog {
  const { logFile, logMaxBytes: maxBytes, logBackups: backups, logLevel: level } = daemon;
  const file =
    logFile === undefined ? systemLog : new RotatingFile({ path: logFile, maxBytes, backups });
  const more = echo === undefined || daemon.isSilent ? {} : { echo };
  return createMainLog(file, { path: logFile ?? '', level, ...more });
}

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
