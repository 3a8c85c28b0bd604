/** One way to call an export of the addon, which must leave nothing behind. */
import type { NativeAddon } from '../../src/host/native.ts';

export interface World {
  readonly addon: NativeAddon;
  /** The optional module of the BPF reader, undefined where it was not built. */
  readonly bpf: BpfAddon | undefined;
  /** A folder of the case's own. */
  readonly folder: string;
}

/** What `native/bpf_addon.cc` exports; `src/host/process/process-reader.ts` has more. */
export interface BpfAddon {
  openTaskReader(request: object): Promise<unknown>;
  sampleTasks(request: object): Promise<ArrayBuffer>;
  sampleUsage(request: object): Promise<ArrayBuffer>;
}

export interface Prepared {
  /** One call, with whatever gives back what the caller owns. */
  readonly call: () => unknown;
  /** After each block of calls: waits for what they have asked for. */
  readonly rest?: () => Promise<void>;
  readonly end?: () => void | Promise<void>;
  /** What the export is called with, from which wrong requests are made. */
  readonly request?: object;
}

export type Facility = 'namespace' | 'tun' | 'bpf';

/** A case as it runs. */
export interface RunnableCase extends LeakCase {
  /** Whether the process has no descriptor left while it runs. */
  readonly isStarved?: boolean;
}

export interface LeakCase {
  readonly of: string;
  readonly what: string;
  /** Which code each call ends with, or the name of its error; absent: none fails. */
  readonly fails?: string;
  /** Of the usual number of calls; 1 when absent. */
  readonly share?: number;
  /** One call at a time; several run at once otherwise. */
  readonly isAlone?: boolean;
  /** Whether the call itself has to open something first. */
  readonly isNeverStarved?: boolean;
  /** What a call may seem to leave of Node's own, in bytes; 20 when absent. */
  readonly bytesPerCall?: number;
  /** The same in blocks of malloc; a quarter when absent. */
  readonly blocksPerCall?: number;
  /** Whether few calls tell nothing, since Node itself takes some memory and gives it back. */
  readonly isLong?: boolean;
  readonly needs?: readonly Facility[];
  readonly prepare: (world: World) => Prepared | Promise<Prepared>;
}

type Options = Pick<LeakCase, 'fails' | 'share' | 'isAlone' | 'needs'>;

/** A call with one request, and what is to be done with its result. */
export function plain(
  of: keyof NativeAddon,
  what: string,
  request: (world: World) => object,
  options: Options & { readonly release?: (result: never) => void } = {},
): LeakCase {
  const { release, ...rest } = options;
  const prepare = (world: World): Prepared => {
    const asked = request(world);
    const call = world.addon[of] as (request: object) => unknown;
    if (release === undefined) return { request: asked, call: () => call(asked) };
    return { request: asked, call: async () => release((await call(asked)) as never) };
  };
  return { of, what, ...rest, prepare };
}

/** Requests that the addon refuses: none, no object, and each field of a kind that nothing takes. */
export function wrongRequests(request: object): unknown[] {
  const fields = Object.keys(request).map((name) => ({ ...request, [name]: Symbol('wrong') }));
  const lists = Object.entries(request)
    .filter(([, value]) => Array.isArray(value))
    .map(([name, value]) => ({ ...request, [name]: [...value, Symbol('wrong')] }));
  return [undefined, 7, 'text', ...fields, ...lists];
}
