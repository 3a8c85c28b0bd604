/** What is measured of a proxy. */
import { encodeMarshal } from '../../src/slap/marshal.ts';
import type { Answer, RunningProxy } from './servers.ts';

const SOFTWARE = 'https://example.com/software.cfg';
const FULL = '/getFullComputerInformation?computer_id=COMP-1';
/** Makes the document of 500 partitions 0.9 MB. */
const PARAMETER = 'x & <y> é '.repeat(25);

/** Milliseconds of each run. */
export type Times = number[];

function expectOk(answer: Answer, status = 200): Answer {
  if (answer.status === status) return answer;
  throw new Error(`status ${answer.status} instead of ${status}: ${answer.text.slice(0, 300)}`);
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Tells the proxy of a computer with partitions of two addresses each. */
export async function describeComputer(proxy: RunningProxy, partitions: number): Promise<void> {
  const xml = encodeMarshal({
    reference: 'COMP-1',
    address: '10.0.0.1',
    netmask: '255.255.255.0',
    partition_list: Array.from({ length: partitions }, (_, index) => ({
      reference: `slappart${index}`,
      tap: { name: `tap${index}` },
      address_list: [
        { addr: `10.${index >> 8}.${index & 255}.1`, netmask: '255.255.255.255' },
        { addr: `fd00::${index.toString(16)}`, netmask: 'ffff:ffff::' },
      ],
    })),
  });
  expectOk(await proxy.post('/loadComputerConfigurationFromXML', { xml }));
}

export async function requestInstance(
  proxy: RunningProxy,
  title: string,
  parameter: string,
): Promise<void> {
  const fields = {
    software_release: SOFTWARE,
    software_type: 'default',
    partition_reference: title,
    partition_parameter_xml: encodeMarshal({ a: parameter }),
    filter_xml: encodeMarshal({}),
    state: encodeMarshal('started'),
    shared_xml: encodeMarshal(false),
  };
  expectOk(await proxy.post('/requestComputerPartition', fields));
}

/** A computer whose partitions all hold an instance. @returns the size of its document. */
export async function fillComputer(proxy: RunningProxy, partitions: number): Promise<number> {
  await describeComputer(proxy, partitions);
  for (let index = 0; index < partitions; index += 1) {
    await requestInstance(proxy, `instance ${index}`, PARAMETER);
  }
  return expectOk(await proxy.get(FULL)).text.length;
}

/** The whole computer, nothing having changed since the last time. */
export async function measureUnchanged(proxy: RunningProxy, runs: number): Promise<Times> {
  return repeat(runs, () => timed(async () => expectOk(await proxy.get(FULL))));
}

/** The same for a client that has the document; undefined where there are no entity tags. */
export async function measureConditional(
  proxy: RunningProxy,
  runs: number,
): Promise<Times | undefined> {
  const { etag } = await proxy.get(FULL);
  if (etag === undefined) return undefined;
  const headers = { 'if-none-match': etag };
  return repeat(runs, () => timed(async () => expectOk(await proxy.get(FULL, headers), 304)));
}

/** The whole computer after one parameter of one instance changed. */
export async function measureChanged(proxy: RunningProxy, runs: number): Promise<Times> {
  return repeat(runs, async (run) => {
    await requestInstance(proxy, 'instance 7', `${PARAMETER}${run}`);
    return timed(async () => expectOk(await proxy.get(FULL)));
  });
}

async function repeat(runs: number, work: (run: number) => Promise<number>): Promise<Times> {
  const times: Times = [];
  for (let run = 0; run < runs; run += 1) times.push(await work(run));
  return times;
}

/** What a recipe does over and over: an identical request, then its own parameters. */
export async function askAsRecipe(proxy: RunningProxy, index: number): Promise<void> {
  if (index % 2 === 0) return requestInstance(proxy, `instance ${index % 500}`, PARAMETER);
  const partition = `slappart${index % 500}`;
  const query = `computer_reference=COMP-1&computer_partition_reference=${partition}`;
  expectOk(await proxy.get(`/registerComputerPartition?${query}`));
}

/** A node that has the document and asks whether it is still the one. */
export async function askWhetherChanged(proxy: RunningProxy): Promise<() => Promise<void>> {
  const { etag = '' } = await proxy.get(FULL);
  return async () => {
    expectOk(await proxy.get(FULL, { 'if-none-match': etag }), 304);
  };
}

export async function askForComputer(proxy: RunningProxy): Promise<void> {
  expectOk(await proxy.get(FULL));
}

/**
 * Clients that ask again as soon as they have an answer, each on a connection that it has used.
 * @returns the time of every request
 */
export async function measureClients(
  clients: number,
  seconds: number,
  ask: (index: number) => Promise<void>,
): Promise<{ readonly times: Times; readonly perSecond: number }> {
  const times: Times = [];
  await Promise.all(Array.from({ length: clients }, (_, client) => ask(client)));
  const start = performance.now();
  let index = 0;
  const run = async (): Promise<void> => {
    while (performance.now() - start < seconds * 1000) {
      index += 1;
      const mine = index;
      times.push(await timed(() => ask(mine)));
    }
  };
  await Promise.all(Array.from({ length: clients }, run));
  return { times, perSecond: (times.length * 1000) / (performance.now() - start) };
}

/** Instances requested one after another. @returns the time of each, in order. */
export async function measureGrowth(proxy: RunningProxy, instances: number): Promise<Times> {
  await describeComputer(proxy, instances);
  return repeat(instances, (index) => timed(() => requestInstance(proxy, `i${index}`, 'v')));
}
