/** How the whole machine fares, from the text of /proc: proc_loadavg(5), proc_meminfo(5). */

export interface MachineLoad {
  /** Over 1, 5 and 15 minutes. */
  readonly load: readonly number[];
  readonly memoryBytes: { readonly total: number; readonly available: number } | null;
  /** Percent of the last ten seconds in which something waited; null before Linux 4.20. */
  readonly pressure: { readonly cpu: number; readonly memory: number; readonly io: number } | null;
}

export interface MachineTexts {
  readonly loadavg: string;
  readonly meminfo: string;
  readonly cpuPressure: string;
  readonly memoryPressure: string;
  readonly ioPressure: string;
}

export function parseMachineLoad(texts: MachineTexts): MachineLoad {
  const [cpu, memory, io] = [texts.cpuPressure, texts.memoryPressure, texts.ioPressure].map(
    (text) => /^some avg10=([\d.]+)/m.exec(text)?.[1],
  );
  const pressure =
    cpu === undefined || memory === undefined || io === undefined
      ? null
      : { cpu: Number(cpu), memory: Number(memory), io: Number(io) };
  return { load: parseLoad(texts.loadavg), memoryBytes: parseMemory(texts.meminfo), pressure };
}

function parseLoad(text: string): number[] {
  const words = text.trim().split(' ').slice(0, 3).map(Number);
  return words.length === 3 && words.every(Number.isFinite) ? words : [];
}

function parseMemory(text: string): MachineLoad['memoryBytes'] {
  const read = (name: string) => new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text)?.[1];
  const [total, available] = [read('MemTotal'), read('MemAvailable')];
  if (total === undefined || available === undefined) return null;
  return { total: Number(total) * 1024, available: Number(available) * 1024 };
}
