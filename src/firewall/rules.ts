/** The rules of a partition (spec/grid.md 7.6). Pure. */
import { isIpv4Network } from '../model/ipv4-network.ts';

export interface FirewallRule {
  readonly chain: 'INPUT' | 'FORWARD';
  readonly priority: number;
  /** Address or network; absent: everybody. */
  readonly source?: string;
  readonly destination: string;
  /** Only packets of connections that exist already. */
  readonly isEstablished: boolean;
  readonly verdict: 'ACCEPT' | 'REJECT';
}

export interface RuleFacts {
  /** The partition's own addresses that are routed. */
  readonly addresses: readonly string[];
  /** `fw_restricted_access` is not `off`: only accepted sources get in. */
  readonly isRestricted: boolean;
  readonly acceptedSources: readonly string[];
  /** Sources kept out when the access is not restricted. */
  readonly rejectedSources: readonly string[];
}

type Shape = Pick<FirewallRule, 'priority' | 'isEstablished' | 'verdict'>;

const ACCEPT: Shape = { priority: 0, isEstablished: false, verdict: 'ACCEPT' };
const REJECT_OTHERS: readonly Shape[] = [
  { priority: 1000, isEstablished: false, verdict: 'REJECT' },
  { priority: 900, isEstablished: true, verdict: 'REJECT' },
];
const REJECT_SOURCE: readonly Shape[] = [
  { priority: 800, isEstablished: true, verdict: 'REJECT' },
  { priority: 900, isEstablished: false, verdict: 'REJECT' },
];

/** Every rule that a partition wants, of all its addresses together, in upstream's order. */
export function planRules(facts: RuleFacts): readonly FirewallRule[] {
  const accept = (destination: string) =>
    facts.acceptedSources.flatMap((source) => pair({ ...ACCEPT, source, destination }));
  return facts.addresses.flatMap((destination) => {
    if (facts.isRestricted) {
      const others = REJECT_OTHERS.flatMap((shape) => pair({ ...shape, destination }));
      return [...accept(destination), ...others];
    }
    const rejected = facts.rejectedSources.flatMap((source) =>
      REJECT_SOURCE.flatMap((shape) => pair({ ...shape, source, destination })),
    );
    return [...rejected, ...accept(destination)];
  });
}

function pair(rule: Omit<FirewallRule, 'chain'>): readonly FirewallRule[] {
  return [
    { ...rule, chain: 'INPUT' },
    { ...rule, chain: 'FORWARD' },
  ];
}

/** The rule as arguments of the firewall, without the verb. */
export function ruleWords(rule: FirewallRule): readonly string[] {
  return [
    ...['ipv4', 'filter', rule.chain, String(rule.priority)],
    ...(rule.source === undefined ? [] : ['-s', rule.source]),
    ...['-d', rule.destination],
    ...(rule.isEstablished ? ['-m', 'state', '--state', 'ESTABLISHED,RELATED'] : []),
    ...['-j', rule.verdict],
  ];
}

const STORED_START = '--permanent --direct --add-rule ';

/** As `.slapos-firewalld-rules` has it. */
export function renderStoredRule(rule: FirewallRule): string {
  return STORED_START + ruleWords(rule).join(' ');
}

const STORED =
  /^--permanent --direct --add-rule ipv4 filter (INPUT|FORWARD) (0|800|900|1000) (?:-s ([\d./]+) )?-d ([\d.]+)( -m state --state ESTABLISHED,RELATED)? -j (ACCEPT|REJECT)$/;

/** A stored rule, undefined for any text that {@link planRules} would not have made. */
export function parseStoredRule(text: string): FirewallRule | undefined {
  const match = STORED.exec(text);
  if (match === null) return undefined;
  const [, chain, priority, source, destination = '', established, verdict] = match;
  const rule = {
    chain: chain as FirewallRule['chain'],
    priority: Number(priority),
    ...(source === undefined ? {} : { source }),
    destination,
    isEstablished: established !== undefined,
    verdict: verdict as FirewallRule['verdict'],
  };
  const hasAddresses = isIpv4Network(source ?? destination) && isIpv4Network(destination);
  return hasAddresses && isOurShape(rule) ? rule : undefined;
}

function isOurShape(rule: FirewallRule): boolean {
  const shapes = rule.source === undefined ? REJECT_OTHERS : [ACCEPT, ...REJECT_SOURCE];
  return shapes.some(
    (shape) =>
      shape.priority === rule.priority &&
      shape.isEstablished === rule.isEstablished &&
      shape.verdict === rule.verdict,
  );
}

export interface RuleChange {
  readonly remove: readonly FirewallRule[];
  /** Those that should be there, each once. */
  readonly wanted: readonly FirewallRule[];
}

/** What to do about rules of earlier passes, of all addresses together. */
export function diffRules(
  stored: readonly FirewallRule[],
  planned: readonly FirewallRule[],
): RuleChange {
  const byText = (rules: readonly FirewallRule[]) =>
    new Map(rules.map((rule) => [renderStoredRule(rule), rule]));
  const wanted = byText(planned);
  return {
    remove: [...byText(stored)].filter(([text]) => !wanted.has(text)).map(([, rule]) => rule),
    wanted: [...wanted.values()],
  };
}
