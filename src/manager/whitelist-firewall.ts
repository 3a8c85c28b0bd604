/** Manager `whitelistfirewall`: where the processes of a partition may connect to (spec/grid.md 12). */

import type { FirewallSettings } from '../config/firewall-settings.ts';
import { refusal, runFirewallProgram } from '../firewall/firewall-command.ts';
import { readRecord, removeRecord, writeRecord } from '../firewall/records.ts';
import type { GridContext, ManagedPartition, Manager } from '../grid/context.ts';
import { quoteEntry, warnOfFirst } from '../grid/entry-warnings.ts';
import { ownedBy } from '../grid/owner.ts';
import {
  parsePartitionList,
  readPartitionText,
  writePartitionText,
} from '../grid/partition-json.ts';
import { coalesce } from '../host/coalesce.ts';
import { parseIpv4, renderIpv4 } from '../model/ip-address.ts';
import { md5 } from '../model/md5.ts';
import type { ManagerParts } from './parts.ts';

const FILE = '.slapos-whitelist-firewall';
const DIGEST_FILE = '.slapos-whitelist-firewall.md5sum';
/** Each is a call of some tenths of a second, for which all other partitions wait. */
const MAX_ADDRESSES = 128;

export function createWhitelistFirewallManager({ firewall, inTurn }: ManagerParts): Manager {
  const name = 'whitelistfirewall';
  if (firewall === undefined) return createDisabled(name);
  let reload: (() => Promise<void>) | undefined;
  const reloadOnce = (context: GridContext) => {
    reload ??= coalesce(() => inTurn(() => reloadRules(context, firewall)));
    return reload();
  };
  const clean = async (context: GridContext, partition: ManagedPartition) => {
    const isChanged = await inTurn(() => removeChain(context, firewall, partition));
    if (isChanged) await reloadOnce(context);
    await partition.folder.remove(DIGEST_FILE);
    await removeRecord(context, recordName(partition));
  };
  return {
    name,
    asksBy: [FILE, DIGEST_FILE],
    async instanceTearDown(context, partition) {
      const wanted = await readWhitelist(partition);
      if (wanted === 'bad') return;
      const known = await readRecord(context, recordName(partition));
      if (wanted === 'missing') {
        // Without rules of an earlier pass there is nothing to ask the firewall.
        const hasRules = known !== undefined || (await hasDigestFile(partition));
        if (hasRules) await clean(context, partition);
        return;
      }
      const isChanged = await inTurn(() => writeChain(context, firewall, partition, wanted, known));
      if (!isChanged) return;
      await reloadOnce(context);
      await writeDigest(context, partition, wanted.digest);
    },
    report: clean,
  };
}

/** Upstream's fails here in `node report`. */
function createDisabled(name: string): Manager {
  return {
    name,
    asksBy: [FILE],
    async instanceTearDown(_context, { folder, id, log }) {
      if ((await folder.stat(FILE)) === undefined) return;
      log.warning(`${name} does nothing for ${id}: slapos.cfg has no section [firewall].`);
    },
  };
}

interface Whitelist {
  readonly addresses: readonly string[];
  /** Of the file's bytes. */
  readonly digest: string;
}

async function readWhitelist(partition: ManagedPartition): Promise<Whitelist | 'missing' | 'bad'> {
  const found = await readPartitionText(partition, FILE);
  if (found.kind !== 'found') return found.kind;
  const entries = parsePartitionList(partition, FILE, found.text);
  if (entries === undefined) return 'bad';
  const parsed = entries.map((entry) => (typeof entry === 'string' ? parseIpv4(entry) : null));
  const addresses = parsed.flatMap((address) => (address === null ? [] : [renderIpv4(address)]));
  const refused = entries.filter((_entry, index) => parsed[index] === null);
  warnOfFirst(
    partition.log,
    refused.map((entry) => `${quoteEntry(entry)} in ${FILE} is no IPv4 address, ignoring it.`),
    (count) => `${count} more entries in ${FILE} are no IPv4 addresses, ignoring them.`,
  );
  const all = [...new Set(addresses)];
  const rest = all.length - MAX_ADDRESSES;
  if (rest > 0) {
    partition.log.warning(
      `${FILE} of ${partition.id}: only the first ${MAX_ADDRESSES} addresses count, ignoring ${rest}.`,
    );
  }
  const digest = md5(found.text);
  return { addresses: all.slice(0, MAX_ADDRESSES), digest };
}

/** Of a pass of upstream's, or of ours. */
async function hasDigestFile({ folder }: ManagedPartition): Promise<boolean> {
  return (await folder.stat(DIGEST_FILE)) !== undefined;
}

function recordName({ id }: ManagedPartition): string {
  return `${id}.whitelist`;
}

function chainOf({ id }: ManagedPartition): string {
  return `${id}-whitelist`;
}

/** What sends the packets of the partition's user through the chain. */
function ownerRule(partition: ManagedPartition): readonly string[] {
  const { owner } = partition;
  const match = ['-m', 'owner', '--uid-owner', String(owner.uid)];
  return ['ipv4', 'filter', 'OUTPUT', '0', ...match, '-j', chainOf(partition)];
}

type Direct = (verb: string, ...words: readonly string[]) => Promise<boolean>;

/** A call that answers yes or no, or has to succeed. */
function directCall(context: GridContext, { command }: FirewallSettings): Direct {
  return async (verb, ...words) => {
    const line = [...command, '--permanent', '--direct', verb, ...words];
    const { output, status, word } = await runFirewallProgram(context, line);
    if (verb.startsWith('--query-') && (word === 'yes' || word === 'no')) return word === 'yes';
    if (status === 0 && word === 'success') return true;
    throw refusal(line, output);
  };
}

/** @returns whether something was changed. */
async function writeChain(
  context: GridContext,
  settings: FirewallSettings,
  partition: ManagedPartition,
  { addresses, digest }: Whitelist,
  knownDigest: string | undefined,
): Promise<boolean> {
  const call = directCall(context, settings);
  const chain = ['ipv4', 'filter', chainOf(partition)];
  const isThere = await call('--query-chain', ...chain);
  if (isThere && digest === knownDigest) return false;
  if (!isThere) await call('--add-chain', ...chain);
  // A pass that is cut off from here on makes the next one begin again.
  await writeDigest(context, partition, '');
  await call('--remove-rules', ...chain);
  for (const address of addresses) {
    await call('--add-rule', ...chain, '0', '-d', address, '-j', 'ACCEPT');
  }
  await call('--add-rule', ...chain, '0', '-j', 'REJECT');
  const rule = ownerRule(partition);
  if (!(await call('--query-rule', ...rule))) await call('--add-rule', ...rule);
  partition.log.info(`Updated the whitelist of ${partition.id}.`);
  return true;
}

/** @returns whether something was changed. */
async function removeChain(
  context: GridContext,
  settings: FirewallSettings,
  partition: ManagedPartition,
): Promise<boolean> {
  const call = directCall(context, settings);
  const chain = ['ipv4', 'filter', chainOf(partition)];
  const rule = ownerRule(partition);
  const [hasChain, hasRule] = [
    await call('--query-chain', ...chain),
    await call('--query-rule', ...rule),
  ];
  if (hasRule) await call('--remove-rule', ...rule);
  if (hasChain) {
    await call('--remove-rules', ...chain);
    await call('--remove-chain', ...chain);
  }
  return hasChain || hasRule;
}

/** For us, where the partition cannot change it, and for upstream. */
async function writeDigest(
  context: GridContext,
  partition: ManagedPartition,
  digest: string,
): Promise<void> {
  await writeRecord(context, recordName(partition), digest);
  const options = ownedBy(context.host, partition.owner, 0o644);
  await writePartitionText(partition, DIGEST_FILE, digest, options);
}

async function reloadRules(context: GridContext, { command }: FirewallSettings): Promise<void> {
  const line = [...command, '--reload'];
  const { output, status } = await runFirewallProgram(context, line);
  if (status !== 0) throw refusal(line, output);
}
