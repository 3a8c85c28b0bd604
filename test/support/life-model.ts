/**
 * What one pass of `node instance` must make of one partition, written down plainly from
 * spec/grid.md 3, 7.2 and 7.7: which calls reach the Master in which order, and what is there
 * afterwards. The life-cycle test holds the real node against it.
 */
import type { Fault } from './http-master.ts';

/** What goes wrong in a pass. */
export type LifeFault =
  | { readonly kind: 'build' | 'promise' | 'disk' | 'mode' }
  | { readonly kind: 'master'; readonly call: string; readonly fault: Fault };

/** What the Master asks for. */
export interface LifeWish {
  readonly state: 'started' | 'stopped' | 'destroyed';
  /** undefined: nobody uses the partition. */
  readonly release: string | undefined;
  readonly parameter: string;
  readonly requests: readonly string[];
  readonly timestamp: string;
}

/** What is there. */
export interface LifeState {
  /** Content of `.timestamp`. */
  readonly timestamp: string | undefined;
  /** Release and parameter of the service that runs. */
  readonly serves: string | undefined;
  /** undefined: nobody can tell, as on a disk that is full. */
  readonly hasErrorLog: boolean | undefined;
}

export type LifeOutcome = 'success' | 'failure' | 'promise' | 'offline';

export interface LifePass {
  readonly calls: readonly string[];
  readonly outcome: LifeOutcome;
  readonly after: LifeState;
}

export const EMPTY_LIFE: LifeState = {
  timestamp: undefined,
  serves: undefined,
  hasErrorLog: false,
};

const CERTIFICATE = 'getComputerPartitionCertificate';
const STARTED = 'startedComputerPartition';
const STOPPED = 'stoppedComputerPartition';
const RELATED = 'updateComputerPartitionRelatedInstanceList';
const ERROR = 'softwareInstanceError';

/** Options of the pass. */
export type LifeMode = 'plain' | 'force' | 'force-stop';

/**
 * A pass over one partition, when the Master was reached at its start.
 * @param heard what the Master heard of it last
 */
export function expectPass(
  wish: LifeWish,
  before: LifeState,
  fault: LifeFault | undefined,
  heard: string | undefined,
  mode: LifeMode = 'plain',
): LifePass {
  if (wish.release === undefined) {
    return { calls: [], outcome: 'success', after: { ...before, timestamp: undefined } };
  }
  const isStopping = mode === 'force-stop' && wish.state === 'started';
  const isWatched = mode !== 'force' && !isStopping && before.timestamp === wish.timestamp;
  if (isWatched) return watchPass(wish, before, fault, heard);
  const begun: LifeState = { ...before, timestamp: undefined };
  const brokenCall = (name: string) => isBroken(fault, name);
  if (brokenCall(CERTIFICATE)) return lostCertificate(begun, fault);
  if (wish.state === 'destroyed') {
    const after = { ...EMPTY_LIFE, timestamp: wish.timestamp };
    return { calls: [CERTIFICATE, STOPPED], outcome: 'success', after };
  }
  if (fault?.kind === 'build' || fault?.kind === 'disk' || fault?.kind === 'mode') {
    const serves = wish.state === 'stopped' ? undefined : before.serves;
    const hasErrorLog = fault.kind === 'disk' ? undefined : true;
    const after = { timestamp: undefined, serves, hasErrorLog };
    return { calls: [CERTIFICATE, ERROR], outcome: 'failure', after };
  }
  if (isStopping) return forceStopPass(wish);
  return wish.state === 'started' ? startPass(wish, fault) : stopPass(wish, fault);
}

/** Up to date: a started partition is told about only when the Master thinks otherwise. */
function watchPass(
  wish: LifeWish,
  before: LifeState,
  fault: LifeFault | undefined,
  heard: string | undefined,
): LifePass {
  const isKnown = heard !== undefined && !heard.startsWith('#error');
  if (wish.state !== 'started' || isKnown) return { calls: [], outcome: 'success', after: before };
  for (const [calls, name] of [
    [[CERTIFICATE], CERTIFICATE],
    [[CERTIFICATE, STARTED], STARTED],
  ] as const) {
    const isFailure = isUnknown(fault, name) || (isBroken(fault, name) && isGarbage(fault));
    if (isFailure) return { calls: [...calls, ERROR], outcome: 'failure', after: before };
    if (isBroken(fault, name)) return { calls, outcome: 'offline', after: before };
  }
  return { calls: [CERTIFICATE, STARTED], outcome: 'success', after: before };
}

/** Without an answer the partition is left at once; one that means nothing is its failure. */
function lostCertificate(begun: LifeState, fault: LifeFault | undefined): LifePass {
  if (isGarbage(fault) || isUnknown(fault, CERTIFICATE)) {
    const after = { ...begun, hasErrorLog: true };
    return { calls: [CERTIFICATE, ERROR], outcome: 'failure', after };
  }
  return { calls: [CERTIFICATE], outcome: 'offline', after: begun };
}

function startPass(wish: LifeWish, fault: LifeFault | undefined): LifePass {
  const serves = `${wish.release} ${wish.parameter}`;
  const after = { timestamp: undefined, serves, hasErrorLog: false };
  if (fault?.kind === 'promise') return { calls: [CERTIFICATE, ERROR], outcome: 'promise', after };
  if (isUnknown(fault, STARTED)) {
    const failed = { ...after, hasErrorLog: true };
    return { calls: [CERTIFICATE, STARTED, ERROR], outcome: 'failure', after: failed };
  }
  if (isBroken(fault, STARTED)) {
    return { calls: [CERTIFICATE, STARTED], outcome: 'offline', after };
  }
  return endPass(wish, fault, [CERTIFICATE, STARTED], after);
}

/** Nothing is told of services that are stopped by force, nor remembered. */
function forceStopPass(wish: LifeWish): LifePass {
  const calls = wish.requests.length === 0 ? [CERTIFICATE] : [CERTIFICATE, RELATED];
  return { calls, outcome: 'success', after: EMPTY_LIFE };
}

/** That the Master cannot be told about a stop stops nothing. */
function stopPass(wish: LifeWish, fault: LifeFault | undefined): LifePass {
  return endPass(wish, fault, [CERTIFICATE, STOPPED], EMPTY_LIFE);
}

function endPass(
  wish: LifeWish,
  fault: LifeFault | undefined,
  before: readonly string[],
  after: LifeState,
): LifePass {
  const calls = wish.requests.length === 0 ? before : [...before, RELATED];
  const isLost = calls.includes(RELATED) && isBroken(fault, RELATED);
  if (isLost) return { calls, outcome: 'offline', after };
  return { calls, outcome: 'success', after: { ...after, timestamp: wish.timestamp } };
}

/** A post whose answer means nothing was heard all the same; a list may be unknown to a Master. */
function isBroken(fault: LifeFault | undefined, call: string): boolean {
  if (fault?.kind !== 'master' || fault.call !== call) return false;
  if (call === CERTIFICATE) return true;
  return fault.fault !== 'garbage' && fault.fault !== '404';
}

function isGarbage(fault: LifeFault | undefined): boolean {
  return fault?.kind === 'master' && fault.fault === 'garbage';
}

function isUnknown(fault: LifeFault | undefined, call: string): boolean {
  return fault?.kind === 'master' && fault.call === call && fault.fault === '404';
}

/** The exit status of a pass whose partitions ended like this. */
export function expectStatus(outcomes: readonly LifeOutcome[]): number {
  if (outcomes.includes('offline')) return 3;
  if (outcomes.includes('failure')) return 1;
  return outcomes.includes('promise') ? 2 : 0;
}
