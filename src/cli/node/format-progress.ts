/** Tells how far a long `node format` is: a bar on a terminal, else lines from time to time. */
import { renderBatch } from '../../format/render.ts';
import type { StepKind } from '../../format/step.ts';
import type { Logger } from '../../log/logger.ts';
import { createProgressBar } from '../progress-bar.ts';
import type { StatusLine } from '../status-line.ts';

const INTERVAL_MS = 5000;

interface Batch {
  readonly kind: StepKind;
  readonly count: number;
  readonly done: number;
}

export interface FormatProgress {
  /** A plan of so many steps is about to be applied. */
  begin(total: number): void;
  batch(batch: Batch): void;
  /** So many steps of all are done, within a batch. */
  advance(done: number): void;
  /** Nothing comes after this. */
  end(): void;
}

/** @param statusLine absent where lines are wanted */
export function createFormatProgress(log: Logger, statusLine?: StatusLine): FormatProgress {
  return statusLine === undefined ? createLines(log) : createBar(log, statusLine);
}

/** Each batch gets a line when it begins, and one every five seconds while it lasts. */
function createLines(log: Logger): FormatProgress {
  let total = 0;
  let beganMs = 0;
  let text = '';
  let done = 0;
  const tell = () => {
    const seconds = Math.round((performance.now() - beganMs) / 1000);
    const where = `${text} (${done} of ${total} steps done)`;
    log.info(`Still at it after ${seconds} s: ${where}`, { event: 'format.progress' });
  };
  let timer: NodeJS.Timeout | undefined;
  return {
    begin(steps) {
      total = steps;
      beganMs = performance.now();
      clearInterval(timer);
      timer = setInterval(tell, INTERVAL_MS).unref();
    },
    batch(batch) {
      text = renderBatch(batch.kind, batch.count);
      done = batch.done;
      log.info(text, { event: 'format.batch', ...batch, total });
    },
    advance(steps) {
      done = steps;
    },
    end: () => clearInterval(timer),
  };
}

/** The bar says what is done now; the batches themselves are for the log file only. */
function createBar(log: Logger, statusLine: StatusLine): FormatProgress {
  const bar = createProgressBar(statusLine);
  let total = 0;
  let label = '';
  return {
    begin(steps) {
      total = steps;
    },
    batch(batch) {
      label = renderBatch(batch.kind, batch.count);
      log.debug(label, { event: 'format.batch', ...batch, total });
      bar.show({ done: batch.done, total, label });
    },
    advance: (done) => bar.show({ done, total, label }),
    end: () => bar.end(),
  };
}
