/** What `node register` was asked for. Pure. */
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../errors/slapos-error.ts';
import { isIpv4Network } from '../model/ipv4-network.ts';
import { parseMasterUrl } from '../slap/master-url.ts';
import { parseSite } from './web-request.ts';

export interface RegisterOptions {
  readonly nodeName: string;
  /** Configuration folder, absolute. */
  readonly folder: string;
  readonly interfaceName: string;
  readonly ipv6Interface: string | undefined;
  readonly ipv4LocalNetwork: string;
  readonly partitionAmount: number;
  readonly hasTaps: boolean;
  readonly softwareRoot: string;
  readonly instanceRoot: string;
  /** As given. */
  readonly masterUrl: string;
  readonly site: string;
  readonly login: 'password' | 'token';
  /** File of authorities, absolute. */
  readonly caFile: string | undefined;
  readonly isInsecure: boolean;
}

type Values = Readonly<Record<string, unknown>>;

// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is refused.
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * @param values options of the command line by name
 * @param folder configuration folder, absolute
 * @throws UsageError SLAPOS_ERR_USAGE; ConfigError SLAPOS_ERR_CONFIG_VALUE for the Master's address
 */
export function parseRegisterOptions(
  values: Values,
  nodeName: string,
  folder: string,
  caFile: string | undefined,
): RegisterOptions {
  const text = (name: string) => plain(name, String(values[name]));
  const masterUrl = text('master_url');
  parseMasterUrl(masterUrl);
  const isInsecure = values['insecure'] === true;
  return {
    nodeName: expectTitle(nodeName),
    folder,
    interfaceName: expectInterface(text('interface_name')),
    ipv6Interface:
      values['ipv6_interface'] === undefined ? undefined : expectInterface(text('ipv6_interface')),
    ipv4LocalNetwork: expectNetwork(text('ipv4_local_network')),
    partitionAmount: expectAmount(Number(values['partition_number'])),
    hasTaps: values['create_tap'] === true,
    softwareRoot: text('software_root'),
    instanceRoot: text('instance_root'),
    masterUrl,
    site: parseSite(text('master_url_web'), isInsecure),
    login: values['login'] === undefined && values['login_auth'] !== true ? 'token' : 'password',
    caFile,
    isInsecure,
  };
}

/** Where a registration is prepared, beside the configuration folder: the last step is a rename. */
export function workFolderOf(folder: string): string {
  return join(dirname(folder), `.${basename(folder)}.registration`);
}

function plain(name: string, value: string): string {
  if (!CONTROL.test(value) && value.trim() !== '') return value;
  throw wrong(`--${name.replaceAll('_', '-')} is empty or holds control characters.`);
}

function expectTitle(name: string): string {
  if (name.trim() !== '' && !CONTROL.test(name)) return name;
  throw wrong('The name of the node is empty or holds control characters.');
}

/** What dev_valid_name() of the kernel takes (net/core/dev.c). */
function expectInterface(name: string): string {
  if (/^[^\s/:]{1,15}$/.test(name) && name !== '.' && name !== '..') return name;
  throw wrong(`${name} is not the name of a network interface.`);
}

function expectNetwork(text: string): string {
  if (isIpv4Network(text)) return text;
  throw wrong(`--ipv4-local-network ${text} is not an IPv4 network such as 10.0.0.0/16.`);
}

function expectAmount(amount: number): number {
  if (amount >= 0) return amount;
  throw wrong(`--partition-number ${amount} is negative.`);
}

function wrong(message: string): UsageError {
  return new UsageError('SLAPOS_ERR_USAGE', message);
}
