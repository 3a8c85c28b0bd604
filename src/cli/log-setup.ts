/** Builds the logger of a run from the global options (spec/cli.md 2). */
import { closeSync, fstatSync, openSync, statSync, writeSync } from 'node:fs';
import { errorCode, SlaposError } from '../errors/slapos-error.ts';
import { consoleLevel, createLogger, createSink } from '../log/create-logger.ts';
import { renderConsoleLine, renderFileLine, renderJsonLine } from '../log/line-format.ts';
import type { Logger } from '../log/logger.ts';
import type { LogRecord, LogSink } from '../log/record.ts';
import type { GlobalSettings } from './global-options.ts';
import { allowsColors } from './output.ts';
import type { ProcessIo } from './process-io.ts';

export interface RunLog {
  readonly logger: Logger;
  /** Identifies this run in the structured log. */
  readonly runId: () => string;
  addFile(path: string): void;
  close(): void;
}

function hasColors(settings: GlobalSettings, io: ProcessIo): boolean {
  if (settings.logColor !== 'auto') return settings.logColor === 'always';
  return allowsColors(io.stderr, io.env);
}

/** Chooses a run id when the first structured line needs one. */
function lazyRunId(io: ProcessIo): () => string {
  let id: string | undefined;
  return () => {
    id ??= io.env['SLAPOS_RUN_ID'] || globalThis.crypto.randomUUID();
    return id;
  };
}

function consoleSink(settings: GlobalSettings, io: ProcessIo, runId: () => string): LogSink {
  const style = { hasTime: settings.hasLogTime, hasColors: false };
  let isStyled = false;
  const render = (record: LogRecord) => {
    if (settings.logFormat === 'json') return renderJsonLine(record, runId());
    if (!isStyled) style.hasColors = hasColors(settings, io);
    isStyled = true;
    return renderConsoleLine(record, style);
  };
  return createSink(consoleLevel(settings.verbosity), render, (line) => io.stderr.write(line));
}

interface LogFile {
  fd: number;
  /** Whether a write failed. */
  isLost: boolean;
}

function openLogFile(path: string): number {
  try {
    return openSync(path, 'a', 0o644);
  } catch (cause) {
    throw new SlaposError('SLAPOS_ERR_FILE', `Cannot write the log file ${path}`, {
      cause,
      hint: 'create its folder, or choose another path with --log-file',
      context: { path },
    });
  }
}

/** A full disk must not keep the node from its work: the first failure is told, the rest is lost. */
function writeUntilFailure(file: LogFile, onFailure: (error: unknown) => void) {
  return (line: string) => {
    if (file.isLost) return;
    try {
      writeSync(file.fd, line);
    } catch (error) {
      file.isLost = true;
      onFailure(error);
    }
  };
}

/** Goes to the file that has the name now: it may have been rotated, or have room again. */
function renewLogFile(file: LogFile, path: string): void {
  let fd: number;
  try {
    // To open a pipe would wait for a reader.
    if ((!file.isLost && hasName(file.fd, path)) || fstatSync(file.fd).isFIFO()) return;
    fd = openLogFile(path);
  } catch {
    return;
  }
  closeSync(file.fd);
  file.fd = fd;
  file.isLost = false;
}

function hasName(fd: number, path: string): boolean {
  const [opened, named] = [fstatSync(fd), statSync(path, { throwIfNoEntry: false })];
  return opened.ino === named?.ino && opened.dev === named.dev;
}

/** The logger of a run with its console sink. */
export function createRunLog(settings: GlobalSettings, io: ProcessIo): RunLog {
  const runId = lazyRunId(io);
  const sinks: LogSink[] = [consoleSink(settings, io, runId)];
  const files = new Map<string, LogFile>();
  const render =
    settings.logFormat === 'json'
      ? (record: LogRecord) => renderJsonLine(record, runId())
      : renderFileLine;
  const logger = createLogger({ name: 'slapos', pid: io.pid, sinks, now: io.now });
  return {
    logger,
    runId,
    addFile(path) {
      // A command that runs another one again and again names the file each time.
      const known = files.get(path);
      if (known !== undefined) return renewLogFile(known, path);
      const file: LogFile = { fd: openLogFile(path), isLost: false };
      files.set(path, file);
      const write = writeUntilFailure(file, (error) => {
        const why = `Cannot write the log file ${path}: ${errorCode(error)}, going on without it.`;
        logger.warning(why, { event: 'cli.log_file_lost', path });
      });
      sinks.push(createSink('DEBUG', render, write));
    },
    close() {
      sinks.length = 1;
      for (const { fd } of files.values()) closeSync(fd);
      files.clear();
    },
  };
}
