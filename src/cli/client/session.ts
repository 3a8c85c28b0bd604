/** What client commands have in common: the Master, the HATEOAS API, names of software. */
import { UsageError } from '../../errors/slapos-error.ts';
import { type ClientOptions, parseClientOptions } from '../../slap/client-options.ts';
import { type HateoasClient, openHateoasOf } from '../../slap/hateoas-client.ts';
import { createSlapClient, type SlapUserMaster } from '../../slap/slap-client.ts';
import type { CommandContext } from '../command.ts';

export interface ClientSession {
  readonly options: ClientOptions;
  readonly master: SlapUserMaster;
}

/**
 * The Master of the configuration, or of the command line; nothing is connected yet.
 * @throws ConfigError as parseClientOptions.
 */
export function openSession(context: CommandContext): ClientSession {
  const options = parseClientOptions(context.config, context.env, {
    masterUrl: textOption(context, 'master_url'),
    keyFile: textOption(context, 'key_file'),
    certFile: textOption(context, 'cert_file'),
  });
  return { options, master: createSlapClient(options) };
}

/** Runs work with a connection to the Master that is closed afterwards. */
export async function withMaster<T>(
  context: CommandContext,
  work: (session: ClientSession) => Promise<T>,
): Promise<T> {
  const session = openSession(context);
  try {
    return await work(session);
  } finally {
    await session.master.close();
  }
}

function textOption({ options }: CommandContext, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

/**
 * Opens the HATEOAS API of the Master.
 * @throws SlaposError SLAPOS_ERR_NOT_AVAILABLE when it has none.
 */
export async function openApi({ options, master }: ClientSession): Promise<HateoasClient> {
  return openHateoasOf(master, options.masterRestUrl);
}

const PRODUCT = 'product.';

/**
 * The address of a software release: an alias of the configuration, `product.NAME` as the Master
 * knows it, else the text itself.
 * @throws UsageError SLAPOS_ERR_USAGE when the product has no release.
 */
export async function resolveSoftware(
  name: string,
  { options, master }: ClientSession,
  { log }: CommandContext,
): Promise<string> {
  const alias = options.aliases.get(name);
  if (alias !== undefined) return alias;
  if (!name.startsWith(PRODUCT)) return name;
  const product = name.slice(PRODUCT.length);
  const [url] = await master.getProductReleases(product);
  if (url === undefined) {
    const message = `Software product ${product} has no release.`;
    throw new UsageError('SLAPOS_ERR_USAGE', message, { exitCode: 1 });
  }
  log.info(`Found as ${url}.`);
  return url;
}
