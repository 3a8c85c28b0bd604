/** Builds the logger of a run from the global options (spec/cli.md 2). */
import { closeSync, openSync, writeSync } from 'node:fs';
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
function writeUntilFailure(fd: number, onFailure: (error: unknown) => void) {
  let isLost = false;
  return (line: string) => {
    if (isLost) return;
    try {
      writeSync(fd, line);
    } catch (error) {
      isLost = true;
      onFailure(error);
    }
  };
}

/** The logger of a run with its console sink. */
export function createRunLog(settings: GlobalSettings, io: ProcessIo): RunLog {
  const runId = lazyRunId(io);
  const sinks: LogSink[] = [consoleSink(settings, io, runId)];
  const files = new Map<string, number>();
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
      if (files.has(path)) return;
      const fd = openLogFile(path);
      files.set(path, fd);
      const write = writeUntilFailure(fd, (error) => {
        const why = `Cannot write the log file ${path}: ${errorCode(error)}, going on without it.`;
        logger.warning(why, { event: 'cli.log_file_lost', path });
      });
      sinks.push(createSink('DEBUG', render, write));
    },
    close() {
      sinks.length = 1;
      for (const fd of files.values()) closeSync(fd);
      files.clear();
    },
  };
}
