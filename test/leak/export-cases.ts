/** All cases of the exports, those that are made from others included. */
import { cases as files } from './exports/file.ts';
import { cases as networks } from './exports/network.ts';
import { cases as processes } from './exports/process.ts';
import { cases as workers } from './exports/worker.ts';
import {
  type LeakCase,
  type Prepared,
  type RunnableCase,
  type World,
  wrongRequests,
} from './leak-case.ts';

const written: readonly LeakCase[] = [...files, ...networks, ...processes, ...workers];

/** Calls that the addon refuses before it does anything; what it takes after all is given back. */
function wrong(one: LeakCase): LeakCase {
  const prepare = async (world: World): Promise<Prepared> => {
    const { end, request = {}, rest } = await one.prepare(world);
    const addon = { ...world.addon, ...world.bpf } as unknown as Record<
      string,
      (request: unknown) => unknown
    >;
    const requests = wrongRequests(request);
    let next = 0;
    const call = async () => {
      const asked = requests[next++ % requests.length];
      try {
        await addon[one.of]?.(asked);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
      }
    };
    return { call, ...(end && { end }), ...(rest && { rest }) };
  };
  const { needs, of } = one;
  return { of, what: 'wrong requests', isAlone: true, prepare, ...(needs && { needs }) };
}

/** The first case of each export whose request is known, with wrong ones. */
function wrongCases(): LeakCase[] {
  const seen = new Set<string>();
  // What takes nothing, or a function beside its request, has cases of its own.
  for (const name of ['capabilities', 'memoryTrim']) seen.add(name);
  return written.flatMap((one) => {
    if (seen.has(one.of) || one.fails !== undefined) return [];
    seen.add(one.of);
    return [wrong(one)];
  });
}

/** The calls that succeed, while no descriptor is left. */
function starvedCases(): RunnableCase[] {
  return written
    .filter((one) => one.fails === undefined && one.isNeverStarved !== true)
    .map((one) => ({ ...one, what: `${one.what}, no descriptor left`, isStarved: true }));
}

/** @param facilities what the machine has of what cases need */
export function exportCases(facilities: readonly string[]): RunnableCase[] {
  const all: RunnableCase[] = [...written, ...wrongCases(), ...starvedCases()];
  return all.filter(({ needs = [] }) => needs.every((name) => facilities.includes(name)));
}

/** Exports of the addon that no case calls, on a machine that has everything. */
export function exportsWithoutCase(names: readonly string[]): string[] {
  const covered = new Set(written.map((one) => one.of));
  return names.filter((name) => !covered.has(name));
}
