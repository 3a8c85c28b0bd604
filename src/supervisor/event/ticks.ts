/** TICK_5, TICK_60 and TICK_3600 (spec/supervisor.md 6.2), while somebody listens to them. */
import type { SupervisorEvent } from './event.ts';

const PERIODS_SECONDS = [5, 60, 3600] as const;

export interface TickPorts {
  wallMs(): number;
  setTimer(delayMs: number, run: () => void): { cancel(): void };
  /** True when a listener subscribed to an event of this name. */
  isWanted(eventName: string): boolean;
  emit(event: SupervisorEvent): void;
}

/** Invariant: a timer is armed for each period that is wanted, and for no other. */
export class Ticks {
  readonly #ports: TickPorts;
  readonly #timers = new Map<number, { cancel(): void }>();

  constructor(ports: TickPorts) {
    this.#ports = ports;
  }

  /** Call it when the subscriptions have changed. */
  update(): void {
    for (const period of PERIODS_SECONDS) {
      const isWanted = this.#ports.isWanted(`TICK_${period}`);
      const timer = this.#timers.get(period);
      if (isWanted && timer === undefined) this.#arm(period, this.#slice(period));
      else if (!isWanted && timer !== undefined) {
        timer.cancel();
        this.#timers.delete(period);
      }
    }
  }

  /** Start of the current period, in seconds since the epoch. */
  #slice(period: number): number {
    const seconds = Math.floor(this.#ports.wallMs() / 1000);
    return seconds - (seconds % period);
  }

  #arm(period: number, last: number): void {
    const delayMs = (this.#slice(period) + period) * 1000 - this.#ports.wallMs();
    const timer = this.#ports.setTimer(delayMs, () => {
      const slice = this.#slice(period);
      // A timer may fire a little early, and the clock may be set back.
      if (slice > last) this.#ports.emit({ name: `TICK_${period}`, payload: `when:${slice}` });
      this.#arm(period, slice);
    });
    this.#timers.set(period, timer);
  }
}
