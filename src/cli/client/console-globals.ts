/** The names that scripts and typed lines of `console` find (spec/cli.md 6.4, 6.6). */
import { inspect } from 'node:util';
import { MasterError } from '../../errors/slapos-error.ts';
import type { InstanceState, RequestAnswer } from '../../slap/computer-partition.ts';
import type { JsonObject } from '../../slap/json-value.ts';
import { renderJson } from '../../slap/marshal-json.ts';
import type { Slap } from '../../slap/slap.ts';
import type { SoftwareState } from '../../slap/slap-objects.ts';
import type { CommandContext } from '../command.ts';
import { readServiceDocument } from './service-document.ts';
import { type ClientSession, openApi, resolveSoftware } from './session.ts';

/** A URL, `product.NAME`, an alias, or what {@link ConsoleGlobals.product} gives. */
type Software = string | Promise<string>;

export interface ConsoleGlobals {
  /** The connected library (`slap.ts`). */
  readonly slap: Slap;
  /** Arguments in upstream's order. */
  request(
    software: Software,
    title: string,
    parameters?: Readonly<Record<string, unknown>> | null,
    softwareType?: string | null,
    filter?: Readonly<Record<string, string>> | null,
    state?: InstanceState | null,
    isShared?: boolean,
  ): Promise<RequestAnswer>;
  supply(software: Software, computerId: string, state?: SoftwareState): Promise<void>;
  remove(software: Software, computerId: string): Promise<void>;
  computer(computerId: string): ReturnType<Slap['registerComputer']>;
  /** What `service info` tells of a service. */
  getInformation(title: string): Promise<JsonObject>;
  /** `product.NAME`: the best release of a product. */
  readonly product: Readonly<Record<string, Promise<string>>>;
  /** The aliases of the configuration. */
  readonly aliases: Readonly<Record<string, string>>;
}

/** The names for a session; nothing is asked of the Master before one of them is used. */
export function createGlobals(
  slap: Slap,
  session: ClientSession,
  context: CommandContext,
): ConsoleGlobals {
  const { aliases, defaults } = session.options;
  const resolve = async (software: Software) => {
    const name = await software;
    // The library tells what it expects in place of anything else.
    return typeof name === 'string' ? resolveSoftware(name, session, context) : name;
  };
  const supply = async (software: Software, computerId: string, state: SoftwareState) =>
    slap.registerSupply().supply(await resolve(software), computerId, state);
  return {
    slap,
    async request(software, title, parameters, softwareType, filter, state, isShared = false) {
      return slap.registerOpenOrder().request({
        softwareRelease: await resolve(software),
        title,
        parameters: parameters ?? {},
        softwareType: softwareType ?? defaults.get('type'),
        filter: filter ?? {},
        state: state ?? (defaults.get('state') as InstanceState | undefined) ?? null,
        isShared,
      });
    },
    supply: (software, computerId, state = 'available') => supply(software, computerId, state),
    remove: (software, computerId) => supply(software, computerId, 'destroyed'),
    computer: (computerId) => slap.registerComputer(computerId),
    getInformation: (title) => readInformation(title, session, context),
    product: createProducts((name) => resolve(`product.${name}`)),
    aliases: Object.freeze(Object.fromEntries(aliases)),
  };
}

async function readInformation(
  title: string,
  session: ClientSession,
  { cwd }: CommandContext,
): Promise<JsonObject> {
  const service = await (await openApi(session)).getService(title);
  if (service === null) {
    throw new MasterError('SLAPOS_ERR_MASTER_NOT_FOUND', `Instance ${title} does not exist.`);
  }
  const document = await readServiceDocument(service, cwd, true);
  return renderJson(
    Object.fromEntries(
      [...document].map(([name, value]) => [
        name,
        value instanceof Map ? Object.fromEntries(value) : value,
      ]),
    ),
  );
}

function createProducts(read: (name: string) => Promise<string>): ConsoleGlobals['product'] {
  const target = { [inspect.custom]: () => '[product.NAME: the best release of a product]' };
  return new Proxy(target, {
    get(own, name) {
      // Whatever has a `then` would be taken for a promise.
      if (typeof name === 'symbol' || name === 'then') return Reflect.get(own, name);
      return read(name);
    },
  }) as unknown as ConsoleGlobals['product'];
}

/** Aliases that can be written as names and take none that is in use. */
export function listAliasNames(aliases: ConsoleGlobals['aliases']): string[] {
  return Object.keys(aliases).filter(
    (name) => /^[A-Za-z_$][\w$]*$/.test(name) && !(name in globalThis),
  );
}
