/** Amounts and times in words. Pure. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function renderBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

export function renderRate(bytesPerS: number): string {
  return `${renderBytes(bytesPerS)}/s`;
}

/** Processors in use, as a share of one. */
export function renderCpu(cpu: number): string {
  const percent = cpu * 100;
  return `${percent.toFixed(percent >= 10 ? 0 : 1)} %`;
}

const STEPS = [
  { ms: 86_400_000, name: 'd' },
  { ms: 3_600_000, name: 'h' },
  { ms: 60_000, name: 'min' },
  { ms: 1_000, name: 's' },
] as const;

export function renderDuration(durationMs: number): string {
  const index = STEPS.findIndex(({ ms }) => durationMs >= ms);
  const step = STEPS[index];
  if (step === undefined) return '0 s';
  const whole = Math.floor(durationMs / step.ms);
  const next = STEPS[index + 1];
  const rest = next === undefined ? 0 : Math.floor((durationMs % step.ms) / next.ms);
  return rest === 0 || next === undefined || whole >= 10
    ? `${whole} ${step.name}`
    : `${whole} ${step.name} ${rest} ${next.name}`;
}

/** Times that lie a little ahead, of another clock, are now. */
export function renderAgo(atMs: number, nowMs: number): string {
  const ageMs = nowMs - atMs;
  return ageMs < 5_000 ? 'just now' : `${renderDuration(ageMs)} ago`;
}

export function renderClock(atMs: number): string {
  return new Date(atMs).toLocaleTimeString(undefined, { hour12: false });
}

export function renderMoment(atMs: number): string {
  const date = new Date(atMs);
  return `${date.toLocaleDateString()} ${renderClock(atMs)}`;
}

export function renderCount(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** The name that tells softwares apart: the last parts of its address. */
export function softwareName(url: string): string {
  const parts =
    url
      .split(/[?#]/)[0]
      ?.split('/')
      .filter((part) => part !== '') ?? [];
  const tail = parts.at(-1) ?? '';
  const folder = parts.at(-2);
  if (tail === '' || folder === undefined) return url;
  return /^software\.cfg$/.test(tail) ? folder : `${folder}/${tail}`;
}
