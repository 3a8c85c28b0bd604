/** Numbers in a few columns. Pure. */

const UNITS = ['', 'K', 'M', 'G', 'T', 'P', 'E'];
const STEP = 1024;

/** Bytes in five columns at most: `0`, `917`, `1.5K`, `23.4M`, `1023G`. */
export function renderBytes(bytes: number): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  // 1023.5 would be shown as 1024.
  while (value >= STEP - 0.5 && unit < UNITS.length - 1) {
    value /= STEP;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)}${UNITS[unit]}`;
}

/** Processors in percent of one: `0.0`, `12.5`, `150`. */
export function renderCpu(cpu: number): string {
  const percent = Math.max(0, cpu) * 100;
  return percent.toFixed(percent >= 99.95 ? 0 : 1);
}

/** A time span: `7s`, `4m05s`, `3h12m`, `12d04h`. */
export function renderSpan(timeMs: number): string {
  const seconds = Math.max(0, Math.floor(timeMs / 1000));
  const two = (value: number) => String(value).padStart(2, '0');
  const [minutes, hours, days] = [60, 3600, 86_400].map((unit) => Math.floor(seconds / unit));
  if (days !== undefined && days > 0) return `${days}d${two((hours ?? 0) % 24)}h`;
  if (hours !== undefined && hours > 0) return `${hours}h${two((minutes ?? 0) % 60)}m`;
  return minutes !== undefined && minutes > 0 ? `${minutes}m${two(seconds % 60)}s` : `${seconds}s`;
}

const BARS = ' ▁▂▃▄▅▆▇█';
const PLAIN_BARS = ' .:-=+*#%';

export interface SparklineScale {
  /** The lowest value that a full bar may stand for. */
  readonly floor: number;
  /** What is steady stands at half height, rather than fill the line. */
  readonly isSteady?: boolean;
  readonly isAscii: boolean;
}

/** A moment as the clock on the wall says it: `2026-11-21 15:40:48`. */
export function renderTime(timeMs: number): string {
  const time = new Date(timeMs);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${day} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')}`;
}

/** A tenth of a processor is a full bar at least. */
export const CPU_SCALE = { floor: 0.1 } as const;
export const RSS_SCALE = { floor: 1024 * 1024, isSteady: true } as const;

/** The last values as bars, the newest at the right; an empty bar is nothing at all. */
export function renderSparkline(
  values: readonly number[],
  width: number,
  { floor, isAscii, isSteady = false }: SparklineScale,
): string {
  const bars = isAscii ? PLAIN_BARS : BARS;
  const shown = width > 0 ? values.slice(-width) : [];
  const highest = Math.max(0, ...shown);
  const mean = shown.reduce((sum, value) => sum + value, 0) / Math.max(1, shown.length);
  const top = Math.max(floor, isSteady ? 2 * mean : highest);
  const last = bars.length - 1;
  const bar = (value: number) => {
    if (!(value > 0)) return bars[0];
    return bars[Math.min(last, Math.max(1, Math.round((value / top) * last)))];
  };
  return shown.map(bar).join('').padStart(width);
}
