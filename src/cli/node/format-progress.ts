/** Tells how far a long `node format` is, from time to time. */
import { renderBatch } from '../../format/render.ts';
import type { StepKind } from '../../format/step.ts';
import type { Logger } from '../../log/logger.ts';

const INTERVAL_MS = 5000;

export interface FormatProgress {
  /** A plan of so many steps is about to be applied. */
  begin(total: number): void;
  batch(batch: { readonly kind: StepKind; readonly count: number; readonly done: number }): void;
  /** No line comes after this. */
  end(): void;
}

/** Each batch gets a line when it begins, and one every five seconds while it lasts. */
export function createFormatProgress(log: Logger): FormatProgress {
  let total = 0;
  let beganMs = 0;
  let line = '';
  const tell = () => {
    const seconds = Math.round((performance.now() - beganMs) / 1000);
    log.info(`Still at it after ${seconds} s: ${line}`, { event: 'format.progress' });
  };
  let timer: NodeJS.Timeout | undefined;
  return {
    begin(steps) {
      total = steps;
      beganMs = performance.now();
      clearInterval(timer);
      timer = setInterval(tell, INTERVAL_MS).unref();
    },
    batch({ kind, count, done }) {
      const text = renderBatch(kind, count);
      line = `${text} (${done} of ${total} steps done)`;
      log.info(text, { event: 'format.batch', kind, count, done, total });
    },
    end: () => clearInterval(timer),
  };
}
