/** All simulated nodes of a run, and the processes by which they talk to one proxy or several. */
import { type Call, renderCall } from './calls.ts';
import { type RunProcess, SimulatedNode, type Talk } from './simulated-node.ts';
import { Timings } from './timings.ts';
import { WireConnection } from './wire.ts';

export const RELEASE = 'https://lab.example.com/slapos/software/example/software.cfg';

const SOFTWARE = { publishes: true, requests: [] };

/** Addresses of loopback that connections come from: each has ports of its own. */
const SOURCES = 200;

export interface FleetOptions {
  readonly ports: readonly number[];
  readonly partitions: number;
  /** Instances of each node at the beginning. */
  readonly instances: number;
}

export class Fleet {
  readonly nodes: SimulatedNode[] = [];
  /** Of the proxies, which processes are spread over in turns. */
  ports: readonly number[];
  readonly options: FleetOptions;
  timings = new Timings();
  /** Connections that are open now, and the most that were. */
  connections = 0;
  mostConnections = 0;
  #processes = 0;

  constructor(options: FleetOptions) {
    this.options = options;
    this.ports = options.ports;
  }

  /** Adds nodes up to a count, each formatted, with its software and its instances. */
  async grow(count: number, workers: number): Promise<void> {
    const { partitions, instances } = this.options;
    let next = this.nodes.length;
    const work = async (): Promise<void> => {
      while (next < count) {
        const index = next;
        next += 1;
        const node = new SimulatedNode(index, partitions, this.runProcess, SOFTWARE);
        await node.format();
        await node.supply(RELEASE);
        await node.passSoftware();
        for (let number = 0; number < instances; number += 1) {
          await node.requestNew(`instance ${number} of ${node.name}`, RELEASE);
        }
        await node.passInstances();
        // The builds published their connection parameters.
        await node.passSoftware();
        this.nodes[index] = node;
      }
    };
    await Promise.all(Array.from({ length: workers }, work));
  }

  readonly runProcess: RunProcess = async (work) => {
    const number = this.#processes;
    this.#processes += 1;
    const port = this.ports[number % this.ports.length] ?? 0;
    const start = performance.now();
    const connection = new WireConnection(port, `127.0.0.${2 + (number % SOURCES)}`);
    this.connections += 1;
    this.mostConnections = Math.max(this.mostConnections, this.connections);
    const talk = new TimedTalk(connection, `127.0.0.1:${port}`, this.timings, start);
    try {
      return await work(talk);
    } finally {
      this.connections -= 1;
      connection.close();
    }
  };
}

/** The first request of a process has the time of its connection in it. */
class TimedTalk implements Talk {
  readonly #connection: WireConnection;
  readonly #host: string;
  readonly #timings: Timings;
  #start: number | undefined;

  constructor(connection: WireConnection, host: string, timings: Timings, start: number) {
    this.#connection = connection;
    this.#host = host;
    this.#timings = timings;
    this.#start = start;
  }

  async ask(call: Call, statuses: readonly number[] = [200]) {
    const start = this.#start ?? performance.now();
    this.#start = undefined;
    const answer = await this.#connection.ask(renderCall(call, this.#host));
    this.#timings.add(call.kind, performance.now() - start);
    if (statuses.includes(answer.status)) return answer;
    throw new Error(`${call.kind}: status ${answer.status}: ${answer.text.slice(0, 200)}`);
  }
}
