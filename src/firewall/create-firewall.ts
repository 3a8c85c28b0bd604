/** Keeps the rules of partitions in firewalld (spec/grid.md 7.6). */
import type { FirewallSettings } from '../config/firewall-settings.ts';
import type { Firewall, GridContext, ManagedPartition } from '../grid/context.ts';
import type { InTurn } from '../grid/queue.ts';
import { coalesce } from '../host/coalesce.ts';
import { findRuleFacts, listRoutedAddresses } from './facts.ts';
import { DirectRules, refusal, runFirewallProgram } from './firewall-command.ts';
import { diffRules, type FirewallRule, planRules } from './rules.ts';
import { readStoredRules, writeStoredRules } from './stored-rules.ts';

/**
 * For one pass: what is known of the rules is kept.
 * @param inTurn one change at a time: the firewall reads and writes its file as a whole
 */
export function createFirewall(settings: FirewallSettings, inTurn: InTurn): Firewall {
  const rules = new DirectRules(settings.command);
  let reload: (() => Promise<void>) | undefined;
  const reloadOnce = (context: GridContext) => {
    reload ??= coalesce(() => inTurn(() => reloadRules(context, settings)));
    return reload();
  };
  const settle = async (
    context: GridContext,
    partition: ManagedPartition,
    planned: readonly FirewallRule[],
  ) => {
    const addresses = listRoutedAddresses(partition.wish);
    const stored = await readStoredRules(context, partition, addresses);
    if (planned.length === 0 && stored.isEmpty) return;
    const change = diffRules(stored.rules, planned);
    const isChanged = await inTurn(() => changeRules(context, rules, change));
    // Written last: a pass that was cut off before the reload makes the next one reload.
    if (isChanged || !stored.isCurrent(change.wanted)) await reloadOnce(context);
    await writeStoredRules(context, partition, change.wanted);
  };
  return {
    async apply(context, partition) {
      partition.log.info('Configuring firewall...');
      await settle(context, partition, await planPartition(context, settings, partition));
    },
    async remove(context, partition) {
      partition.log.info('Removing firewall configuration...');
      await settle(context, partition, []);
    },
  };
}

async function planPartition(
  { master, options }: GridContext,
  { authorizedSources }: FirewallSettings,
  { id, log, wish }: ManagedPartition,
): Promise<readonly FirewallRule[]> {
  const masterId = { computerId: options.computerId, partitionId: id };
  const peers = await master.getHostingSubscriptionIpList(masterId);
  const addresses = listRoutedAddresses(wish);
  const facts = findRuleFacts(
    wish,
    addresses,
    peers.map(([, address]) => address),
    authorizedSources,
  );
  for (const source of facts.ignoredSources) {
    log.warning(`${JSON.stringify(source)} is no IPv4 address or network: no rule is made for it.`);
  }
  return planRules(facts);
}

async function changeRules(
  context: GridContext,
  rules: DirectRules,
  change: { readonly remove: readonly FirewallRule[]; readonly wanted: readonly FirewallRule[] },
): Promise<boolean> {
  let isChanged = false;
  for (const rule of change.remove) if (await rules.remove(context, rule)) isChanged = true;
  for (const rule of change.wanted) if (await rules.add(context, rule)) isChanged = true;
  return isChanged;
}

async function reloadRules(context: GridContext, settings: FirewallSettings): Promise<void> {
  context.log.info('Reloading firewall configuration...');
  const { output, status } = await runFirewallProgram(context, settings.reloadCommand);
  if (status !== 0) throw refusal(settings.reloadCommand, output);
}
