/**
 * What is known of the one instance or partition that is looked at. Asked again when the overview
 * has changed, one question at a time; an answer for a view that was left is thrown away.
 */
import type { PanelInstanceDetail, PanelLog, PanelPartitionDetail, PanelSeries } from '../api.ts';
import { type Route, renderRoute } from './route.ts';
import { type HeldSeries, joinSeries, planQuestion } from './series-parts.ts';
import { ServerProblem, server } from './server.ts';
import { currentState, refreshPage } from './store.ts';

export interface Detail {
  readonly of: string;
  instance?: PanelInstanceDetail;
  partition?: PanelPartitionDetail;
  problem?: ServerProblem;
  log?: PanelLog;
  logName?: string;
  isFollowing: boolean;
  series?: PanelSeries;
  /** What `series` is, until something of it does not go together. */
  heldSeries?: HeldSeries;
  seriesProblem?: string;
  rangeMs: number;
  isChartOpen: boolean;
  readonly revealed: Set<string>;
  readonly openPromises: Set<string>;
}

const FIRST_RANGE_MS = 15 * 60_000;
const AGAIN_MS = 2_000;

let detail = emptyDetail('');

function emptyDetail(of: string): Detail {
  return {
    of,
    isFollowing: true,
    rangeMs: FIRST_RANGE_MS,
    isChartOpen: false,
    revealed: new Set(),
    openPromises: new Set(),
  };
}

export function currentDetail(): Detail {
  return detail;
}

/** Where the instance is, as the overview tells; undefined while it has no place. */
export function placeOfRoute(route: Route): { computerId: string; partition: string } | undefined {
  if (route.view === 'partition') return route;
  if (route.view !== 'instance') return undefined;
  const instance = currentState().overview?.instances.find(
    ({ reference }) => reference === route.reference,
  );
  return instance === undefined || instance.partition === '' ? undefined : instance;
}

function isLocal(computerId: string): boolean {
  const node = currentState().overview?.nodes.find((one) => one.computerId === computerId);
  return node?.isLocal ?? false;
}

let isLoading = false;
let isWanted = false;
let lastMs = -Infinity;
let timer = 0;

/** Asks for the details of the current view, now or when the last question is answered. */
export function refreshDetail(): void {
  const of = renderRoute(currentState().route);
  if (detail.of !== of) {
    detail = emptyDetail(of);
    lastMs = -Infinity;
  }
  isWanted = true;
  void load();
}

async function load(): Promise<void> {
  const waitMs = lastMs + AGAIN_MS - performance.now();
  if (isLoading || !isWanted) return;
  if (waitMs > 0) {
    clearTimeout(timer);
    timer = window.setTimeout(() => void load(), waitMs);
    return;
  }
  isLoading = true;
  isWanted = false;
  lastMs = performance.now();
  await loadInto(detail, currentState().route);
  isLoading = false;
  refreshPage();
  await load();
}

async function loadInto(target: Detail, route: Route): Promise<void> {
  if (route.view !== 'instance' && route.view !== 'partition') return;
  try {
    if (route.view === 'instance') target.instance = await server.instance(route.reference);
    const place = placeOfRoute(route);
    if (place !== undefined && isLocal(place.computerId)) {
      target.partition = await server.partition(place.computerId, place.partition);
      await Promise.all([loadLog(target), loadSeries(target)]);
    }
    delete target.problem;
  } catch (error) {
    target.problem = error instanceof ServerProblem ? error : new ServerProblem(0, {});
  }
}

async function loadLog(target: Detail): Promise<void> {
  const partition = target.partition;
  const name = target.logName ?? partition?.logs[0];
  if (partition === undefined || name === undefined) return;
  if (!target.isFollowing && target.log?.name === name) return;
  target.logName = name;
  const log = await server.log(partition.partition.reference, name);
  if (target.logName === name) target.log = log;
}

async function loadSeries(target: Detail): Promise<void> {
  if (!target.isChartOpen || target.partition === undefined) return;
  const { heldSeries: held, rangeMs } = target;
  const nowMs = Date.now();
  const partition = target.partition.partition.reference;
  const question = planQuestion(held, { partition, rangeMs, nowMs });
  if (question === undefined) return;
  try {
    const answer = await server.series(partition, question.sinceMs);
    delete target.seriesProblem;
    if (target.rangeMs === rangeMs) keepSeries(target, answer, question.isWhole, nowMs);
  } catch (error) {
    target.seriesProblem = error instanceof Error ? error.message : 'They cannot be read.';
  }
}

function keepSeries(target: Detail, answer: PanelSeries, isWhole: boolean, nowMs: number): void {
  const { heldSeries: held, rangeMs } = target;
  if (isWhole) target.heldSeries = { series: answer, rangeMs, wholeAtMs: nowMs };
  else {
    const series = held && joinSeries(held, answer, nowMs);
    if (held === undefined || series === undefined) return void delete target.heldSeries;
    target.heldSeries = { ...held, series };
  }
  target.series = target.heldSeries.series;
}

/** Changes what is looked at within the view and asks for it at once. */
export function changeDetail(change: Partial<Detail>): void {
  Object.assign(detail, change);
  lastMs = -Infinity;
  refreshPage();
  refreshDetail();
}
