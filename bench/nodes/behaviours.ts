/** What nodes and their clients do in a measurement. */
import { RELEASE } from './fleet.ts';
import type { Instance, SimulatedNode } from './simulated-node.ts';

/** @param turn counts how often the node was at it */
export type Behaviour = (node: SimulatedNode, turn: number) => Promise<void>;

/** A minute in which nothing changed: what cron runs. */
export const quietMinute: Behaviour = async (node) => {
  await node.passSoftware();
  await node.passInstances();
};

const FAULT = "Promise 'service-is-up.py' failed with output: 2001:db8::2:8080 is not listening";

/**
 * A minute in which a client changes an instance, whose promise fails every third time; every tenth
 * time the node is described anew, bangs and reports. Harder than any real cloud.
 */
export const busyMinute: Behaviour = async (node, turn) => {
  const instance = node.instances[turn % node.instances.length];
  if (instance === undefined) return quietMinute(node, turn);
  if (turn % 3 === 2) instance.fault = FAULT;
  await node.requestChange(instance, RELEASE);
  await node.passSoftware();
  await node.passInstances();
  await node.requestSame(instance, RELEASE);
  instance.fault = undefined;
  if (turn % 10 !== 9) return;
  await node.format();
  await node.bang(instance, 'Promise service-is-up is failing');
  await node.passInstances();
  await node.passReport(renderUsage(node));
  await node.readService(instance);
};

/** How often things happen to a node in an hour. */
export const HOURLY = {
  changes: 6,
  sameRequests: 60,
  services: 1,
  bangs: 0.5,
  formats: 1,
  reports: 1 / 24,
} as const;
/** Each of so many nodes has an instance whose promise fails, which it says in every pass. */
const NODES_WITH_FAULT = 10;

/** A minute as cron and people make it. @param random from 0 up to 1 */
export function usualMinute(random: () => number): Behaviour {
  return async (node, turn) => {
    const happens = (rate: number): boolean => random() < rate / 60;
    const any = (): Instance | undefined => {
      return node.instances[Math.floor(random() * node.instances.length)];
    };
    const one = any();
    if (one !== undefined) {
      if (happens(HOURLY.changes)) await node.requestChange(one, RELEASE);
      if (happens(HOURLY.sameRequests)) await node.requestSame(one, RELEASE);
      if (happens(HOURLY.services)) await node.readService(one);
      if (happens(HOURLY.bangs)) await node.bang(one, 'Promise service-is-up is failing');
    }
    const [first] = node.instances;
    if (first !== undefined && node.index % NODES_WITH_FAULT === 0) first.fault = FAULT;
    await quietMinute(node, turn);
    if (happens(HOURLY.formats)) await node.format();
    if (happens(HOURLY.reports)) await node.passReport(renderUsage(node));
  };
}

/** A movement for each instance, as `node report` puts them together. */
function renderUsage({ name, instances }: SimulatedNode): string {
  const movements = instances.map(({ partition }) => {
    return `<movement><resource>service_module/cpu_load_percent</resource><title>${partition}</title><reference>${partition}</reference><quantity>1.5</quantity><price>0.00</price><VAT>None</VAT><category>None</category></movement>`;
  });
  return `<?xml version="1.0"?><journal><transaction type="Sale Packing List"><title>Resource consumptions</title><start_date></start_date><stop_date>2026-01-31 at 10:20:30</stop_date><reference>${name}</reference><currency></currency><payment_mode></payment_mode><category></category><arrow type="Administration"><source></source><destination></destination></arrow>${movements.join('')}</transaction></journal>`;
}
