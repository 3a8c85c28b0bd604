/** What is measured of a proxy. */
import { encodeMarshal } from '../../src/slap/marshal.ts';
import { renderRequest } from './crowd.ts';
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
  expectOk(await proxy.post('/requestComputerPartition', requestFields(title, parameter)));
}

function requestFields(title: string, parameter: string): Record<string, string> {
  return {
    software_release: SOFTWARE,
    software_type: 'default',
    partition_reference: title,
    partition_parameter_xml: encodeMarshal({ a: parameter }),
    filter_xml: encodeMarshal({}),
    state: encodeMarshal('started'),
    shared_xml: encodeMarshal(false),
  };
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

/** Loads of many clients, by what they ask for. */
export interface Load {
  readonly what: string;
  readonly status: number;
  readonly requests: readonly Buffer[];
}

/** What recipes do over and over: an identical request, then their own parameters. */
function recipeLoad(partitions: number): Load {
  const pairs = Array.from({ length: partitions }, (_, index) => {
    const query = `computer_reference=COMP-1&computer_partition_reference=slappart${index}`;
    const body = new URLSearchParams(requestFields(`instance ${index}`, PARAMETER)).toString();
    return [
      renderRequest('POST', '/requestComputerPartition', { body }),
      renderRequest('GET', `/registerComputerPartition?${query}`),
    ];
  });
  const what = 'requestComputerPartition and registerComputerPartition in turns';
  return { what, status: 200, requests: pairs.flat() };
}

/** Whole documents, for clients that have it where there are entity tags, and recipes. */
export async function listLoads(proxy: RunningProxy, partitions: number): Promise<Load[]> {
  const { etag } = expectOk(await proxy.get(FULL));
  const what = `getFullComputerInformation, ${partitions} partitions`;
  const document = { what, status: 200, requests: [renderRequest('GET', FULL)] };
  if (etag === undefined) return [document, recipeLoad(partitions)];
  const conditional = renderRequest('GET', FULL, { headers: { 'if-none-match': etag } });
  return [
    document,
    { what: `${what}, 304`, status: 304, requests: [conditional] },
    recipeLoad(partitions),
  ];
}

/** The texts of a whole document and of an instance, for a server that only sends them. */
export async function sampleAnswers(
  proxy: RunningProxy,
): Promise<{ readonly document: string; readonly instance: string }> {
  const fields = requestFields('instance 0', PARAMETER);
  const { text: instance } = expectOk(await proxy.post('/requestComputerPartition', fields));
  return { document: expectOk(await proxy.get(FULL)).text, instance };
}

/** Instances requested one after another. @returns the time of each, in order. */
export async function measureGrowth(proxy: RunningProxy, instances: number): Promise<Times> {
  await describeComputer(proxy, instances);
  return repeat(instances, (index) => timed(() => requestInstance(proxy, `i${index}`, 'v')));
}
