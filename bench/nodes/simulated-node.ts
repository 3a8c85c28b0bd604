/**
 * A node that says to its Master what the passes of a real one say, in the same order, without doing
 * anything. What it is told it must expect: a document that is sent although nothing changed, or is
 * said to be unchanged although something did, is an error.
 */
import {
  availableCall,
  bangCall,
  buildingCall,
  type Call,
  destroyedCall,
  documentCall,
  errorCall,
  formatCall,
  ownPartitionCall,
  type PartitionName,
  publishCall,
  relatedCall,
  requestCall,
  serviceInfoCalls,
  startedCall,
  stoppedCall,
  supplyCall,
  usageCall,
} from './calls.ts';
import { computerName, renderSimulatedComputer } from './computer.ts';
import type { WireAnswer } from './wire.ts';

/** The connection of one process. */
export interface Talk {
  /** @throws Error for any status but `statuses`, by default 200. */
  ask(call: Call, statuses?: readonly number[]): Promise<WireAnswer>;
}

/** Runs what one process of a command does, on a connection of its own. */
export type RunProcess = <T>(work: (talk: Talk) => Promise<T>) => Promise<T>;

/** What the builds of instances do. */
export interface SimulatedSoftware {
  /** Asks for its partition and publishes connection parameters. */
  readonly publishes: boolean;
  /** Titles that it requested, which the node passes on. */
  readonly requests: readonly string[];
}

export interface Instance {
  readonly title: string;
  readonly partition: string;
  state: 'started' | 'stopped' | 'destroyed';
  /** Counts changes of the parameters. */
  revision: number;
  /** Of what the node has yet to do. */
  isPending: boolean;
  isPublished: boolean;
  /** What its promises say while they fail. */
  fault: string | undefined;
}

/** Parameters of an instance by how often they changed. */
type RenderParameters = (revision: number) => Readonly<Record<string, string>>;

/** What makes a parameter as long as those of usual software. */
const PADDING = 'x & <y> é '.repeat(25);

export class SimulatedNode {
  readonly name: string;
  readonly index: number;
  readonly instances: Instance[] = [];
  readonly #partitions: number;
  readonly #run: RunProcess;
  #tag: string | undefined;
  #isChanged = true;
  #unbuilt: string[] = [];
  readonly #software: SimulatedSoftware;
  readonly #parametersOf: RenderParameters;

  constructor(
    index: number,
    partitions: number,
    run: RunProcess,
    software: SimulatedSoftware,
    parametersOf: RenderParameters = usualParameters,
  ) {
    this.name = computerName(index);
    this.index = index;
    this.#partitions = partitions;
    this.#run = run;
    this.#software = software;
    this.#parametersOf = parametersOf;
  }

  /** `slapos node format`. */
  async format(): Promise<void> {
    const call = formatCall(renderSimulatedComputer(this.index, this.#partitions));
    await this.#run((talk) => talk.ask(call));
  }

  /** `slapos supply`. */
  async supply(url: string): Promise<void> {
    await this.#run((talk) => talk.ask(supplyCall(this.name, url)));
    this.#unbuilt.push(url);
    this.#isChanged = true;
  }

  /** `slapos node software`. */
  async passSoftware(): Promise<void> {
    await this.#run(async (talk) => {
      await this.#look(talk);
      for (const url of this.#unbuilt) {
        await talk.ask(buildingCall(this.name, url));
        await talk.ask(availableCall(this.name, url));
      }
      this.#unbuilt = [];
    });
  }

  /** `slapos node instance`. */
  async passInstances(): Promise<void> {
    await this.#run(async (talk) => {
      await this.#look(talk);
      for (const instance of this.instances) {
        if (instance.isPending) await this.#process(talk, instance);
        else if (instance.fault !== undefined) {
          await talk.ask(errorCall(this.#of(instance), instance.fault));
        }
      }
    });
  }

  async #process(talk: Talk, instance: Instance): Promise<void> {
    const who = this.#of(instance);
    instance.isPending = false;
    if (this.#software.publishes && instance.state === 'started') await this.#build(instance);
    if (instance.state === 'started' && instance.fault !== undefined) {
      await talk.ask(errorCall(who, instance.fault));
      return;
    }
    await talk.ask(instance.state === 'started' ? startedCall(who) : stoppedCall(who));
    const { requests } = this.#software;
    if (requests.length > 0 && instance.state !== 'destroyed') {
      await talk.ask(relatedCall(who, [...requests]));
    }
  }

  /** What the recipes of an instance say while it is built, in a process of their own. */
  async #build(instance: Instance): Promise<void> {
    const who = this.#of(instance);
    await this.#run(async (talk) => {
      await talk.ask(ownPartitionCall(who));
      await talk.ask(publishCall(who, { url: `http://[2001:db8::${instance.partition}]:8080/` }));
    });
    if (!instance.isPublished) this.#isChanged = true;
    instance.isPublished = true;
  }

  /** `slapos node report`. @param usage what scripts of partitions reported, if anything */
  async passReport(usage?: string): Promise<void> {
    await this.#run(async (talk) => {
      await this.#look(talk);
      if (usage !== undefined) await talk.ask(usageCall(this.name, usage));
      for (const instance of this.instances.filter(({ state }) => state === 'destroyed')) {
        await talk.ask(stoppedCall(this.#of(instance)));
        await talk.ask(destroyedCall(this.#of(instance)));
        this.instances.splice(this.instances.indexOf(instance), 1);
        this.#isChanged = true;
      }
    });
  }

  /** Of an instance whose promise fails: it is to be processed again. */
  async bang(instance: Instance, message: string): Promise<void> {
    await this.#run((talk) => talk.ask(bangCall(this.#of(instance), message)));
    instance.isPending = true;
    this.#isChanged = true;
  }

  /** `slapos request` of a new instance, which takes the next free partition. */
  async requestNew(title: string, release: string): Promise<Instance> {
    const wanted = {
      computer: this.name,
      title,
      release,
      parameters: this.#parametersOf(0),
      state: null,
    };
    const { text } = await this.#run((talk) => talk.ask(requestCall('new instance', wanted)));
    const partition = partitionIn(text);
    const instance: Instance = {
      title,
      partition,
      state: 'started',
      revision: 0,
      isPending: true,
      isPublished: false,
      fault: undefined,
    };
    this.instances.push(instance);
    this.#isChanged = true;
    return instance;
  }

  /** `slapos request` of an instance that is there, with other parameters or another state. */
  async requestChange(
    instance: Instance,
    release: string,
    state: Instance['state'] | null = null,
  ): Promise<void> {
    if (state === null || state === instance.state) instance.revision += 1;
    await this.#request('change of an instance', instance, release, state);
    instance.state = state ?? instance.state;
    instance.isPending = true;
    this.#isChanged = true;
  }

  /** The same request again, by which clients read connection parameters. */
  async requestSame(instance: Instance, release: string): Promise<void> {
    await this.#request('same instance', instance, release, null);
  }

  async #request(
    kind: string,
    { title, revision, partition }: Instance,
    release: string,
    state: Instance['state'] | null,
  ): Promise<void> {
    const wanted = {
      computer: this.name,
      title,
      release,
      parameters: this.#parametersOf(revision),
      state,
    };
    const { text } = await this.#run((talk) => talk.ask(requestCall(kind, wanted)));
    const found = partitionIn(text);
    if (found !== partition) throw new Error(`${title} moved from ${partition} to ${found}`);
  }

  /** `slapos service info`. */
  async readService(instance: Instance): Promise<void> {
    await this.#run(async (talk) => {
      for (const call of serviceInfoCalls(instance.title)) await talk.ask(call, [200, 302]);
    });
  }

  /** Fetches the document if it is another than the one before. */
  async #look(talk: Talk): Promise<void> {
    const isExpected = this.#isChanged || this.#tag === undefined;
    this.#isChanged = false;
    const call = documentCall(this.name, this.#tag);
    const kind = isExpected ? 'changed document' : 'unchanged document';
    const { status, etag } = await talk.ask({ ...call, kind }, [200, 304]);
    if ((status === 200) !== isExpected) {
      throw new Error(`the document of ${this.name} came with ${status}`);
    }
    if (status === 200) this.#tag = etag;
  }

  #of({ partition }: Instance): PartitionName {
    return { computer: this.name, partition };
  }
}

function usualParameters(revision: number): Readonly<Record<string, string>> {
  return { domain: 'service.example.com', revision: String(revision), text: PADDING };
}

function partitionIn(answer: string): string {
  const pattern = /<string>slap_computer_partition_id<\/string><string>([^<]+)</;
  const [, partition] = pattern.exec(answer) ?? [];
  if (partition === undefined) throw new Error(`an answer without partition:\n${answer}`);
  return partition;
}
