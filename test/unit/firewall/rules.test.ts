import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findRuleFacts, listRoutedAddresses } from '../../../src/firewall/facts.ts';
import { parseRuleList } from '../../../src/firewall/firewall-command.ts';
import {
  diffRules,
  parseStoredRule,
  planRules,
  type RuleFacts,
  renderStoredRule,
} from '../../../src/firewall/rules.ts';
import { slapPartition } from '../../support/slap-partition.ts';

const BASE = '--permanent --direct --add-rule ipv4 filter';
const ESTABLISHED = '-m state --state ESTABLISHED,RELATED';
const FACTS: RuleFacts = {
  addresses: ['10.0.0.1'],
  isRestricted: true,
  acceptedSources: [],
  rejectedSources: [],
};
const texts = (facts: Partial<RuleFacts>) =>
  planRules({ ...FACTS, ...facts }).map(renderStoredRule);

describe('planRules', () => {
  it('lets only accepted sources in, as the specification orders the rules', () => {
    expect(texts({ acceptedSources: ['10.0.0.2', '10.1.0.0/16'] })).toEqual([
      `${BASE} INPUT 0 -s 10.0.0.2 -d 10.0.0.1 -j ACCEPT`,
      `${BASE} FORWARD 0 -s 10.0.0.2 -d 10.0.0.1 -j ACCEPT`,
      `${BASE} INPUT 0 -s 10.1.0.0/16 -d 10.0.0.1 -j ACCEPT`,
      `${BASE} FORWARD 0 -s 10.1.0.0/16 -d 10.0.0.1 -j ACCEPT`,
      `${BASE} INPUT 1000 -d 10.0.0.1 -j REJECT`,
      `${BASE} FORWARD 1000 -d 10.0.0.1 -j REJECT`,
      `${BASE} INPUT 900 -d 10.0.0.1 ${ESTABLISHED} -j REJECT`,
      `${BASE} FORWARD 900 -d 10.0.0.1 ${ESTABLISHED} -j REJECT`,
    ]);
  });

  it('keeps only rejected sources out when the access is not restricted', () => {
    const facts = { isRestricted: false, acceptedSources: ['10.0.0.2'] };
    expect(texts({ ...facts, rejectedSources: ['10.9.0.0/16'] })).toEqual([
      `${BASE} INPUT 800 -s 10.9.0.0/16 -d 10.0.0.1 ${ESTABLISHED} -j REJECT`,
      `${BASE} FORWARD 800 -s 10.9.0.0/16 -d 10.0.0.1 ${ESTABLISHED} -j REJECT`,
      `${BASE} INPUT 900 -s 10.9.0.0/16 -d 10.0.0.1 -j REJECT`,
      `${BASE} FORWARD 900 -s 10.9.0.0/16 -d 10.0.0.1 -j REJECT`,
      `${BASE} INPUT 0 -s 10.0.0.2 -d 10.0.0.1 -j ACCEPT`,
      `${BASE} FORWARD 0 -s 10.0.0.2 -d 10.0.0.1 -j ACCEPT`,
    ]);
  });

  it('makes the rules of two addresses together, which upstream lets remove each other', () => {
    const planned = planRules({ ...FACTS, addresses: ['10.0.0.1', '10.0.0.3'] });
    expect(planned).toHaveLength(8);
    expect(diffRules(planned, planned).remove).toEqual([]);
  });
});

describe('parseStoredRule', () => {
  const address = fc.ipV4();
  const facts = fc.record({
    addresses: fc.array(address, { minLength: 1, maxLength: 3 }),
    isRestricted: fc.boolean(),
    acceptedSources: fc.array(address, { maxLength: 3 }),
    rejectedSources: fc.array(address, { maxLength: 3 }),
  });

  it('reads every rule that is planned', () => {
    fc.assert(
      fc.property(facts, (some) => {
        for (const rule of planRules(some)) {
          expect(parseStoredRule(renderStoredRule(rule))).toEqual(rule);
        }
      }),
    );
  });

  it.each([
    '',
    `${BASE} INPUT 0 -s 10.0.0.2 -d 10.0.0.1 -j DROP`,
    `${BASE} OUTPUT 0 -s 10.0.0.2 -d 10.0.0.1 -j ACCEPT`,
    `${BASE} INPUT 0 -d 10.0.0.1 -j ACCEPT`,
    `${BASE} INPUT 1000 -s 10.0.0.2 -d 10.0.0.1 -j REJECT`,
    `${BASE} INPUT 1000 -d 10.0.0.0/8 -j REJECT`,
    `${BASE} INPUT 1 -s 10.0.0.2 -d 10.0.0.1 -j ACCEPT`,
    `${BASE} INPUT 0 -s 10.0.0.2/8;id -d 10.0.0.1 -j ACCEPT`,
    `${BASE} INPUT 0 -s 10.0.0.2 -d 10.0.0.1 -j ACCEPT -d 10.0.0.9`,
    `${BASE} INPUT 0 -s 10.0.0.2 -d 10.0.0.1 -j ACCEPT\n`,
    `x ${BASE} INPUT 0 -s 10.0.0.2 -d 10.0.0.1 -j ACCEPT`,
    `--direct --remove-rules ipv4 filter INPUT`,
  ])('refuses %j', (text) => expect(parseStoredRule(text)).toBeUndefined());

  it('refuses any other text', () => {
    fc.assert(fc.property(fc.string(), (text) => parseStoredRule(BASE + text) === undefined));
  });
});

it('removes what is not wanted any more, each once', () => {
  const [first, ...rest] = planRules({ ...FACTS, acceptedSources: ['10.0.0.2'] });
  if (first === undefined) throw new Error('no rule');
  const change = diffRules([first, first, ...rest], [...rest, ...rest]);
  expect(change.remove).toEqual([first]);
  expect(change.wanted).toEqual(rest);
});

describe('facts', () => {
  const tuple = (...items: readonly string[]) => ({ items });

  it('takes routed IPv4 addresses alone, of both lists, each once', () => {
    const parameters = {
      ip_list: [['', '10.0.0.9'], tuple('route_tap0', '10.0.0.1'), tuple('route_tap0', '::1'), 7],
      full_ip_list: [tuple('route_tap0', '10.0.0.1', '10.0.0.254'), ['route_x', '10.0.0.2;id']],
    };
    expect(listRoutedAddresses(slapPartition({ parameters: parameters as never }))).toEqual([
      '10.0.0.1',
    ]);
    expect(listRoutedAddresses(slapPartition({ parameters: null }))).toEqual([]);
  });

  it('takes peers that are not our own, then what the instance and the node allow', () => {
    const filter = { fw_authorized_sources: '10.1.0.0/16  10.0.0.1/8;id' };
    const peers = ['10.0.0.1', '10.0.0.5', '::1', 'x'];
    const facts = findRuleFacts({ filter }, ['10.0.0.1'], peers, ['10.2.0.1', 'bad']);
    expect(facts).toMatchObject({
      isRestricted: true,
      acceptedSources: ['10.0.0.5', '10.1.0.0/16', '10.2.0.1'],
      rejectedSources: [],
      ignoredSources: ['10.0.0.1/8;id', 'bad'],
    });
  });

  it('rejects sources only where the access is not restricted', () => {
    const filter = { fw_restricted_access: 'off', fw_rejected_sources: '10.9.0.0/16 y' };
    const facts = findRuleFacts({ filter }, ['10.0.0.1'], [], ['10.2.0.1']);
    expect(facts).toMatchObject({
      isRestricted: false,
      acceptedSources: ['10.2.0.1'],
      rejectedSources: ['10.9.0.0/16'],
      ignoredSources: ['y'],
    });
    const restricted = { ...filter, fw_restricted_access: 'on' };
    expect(findRuleFacts({ filter: restricted }, [], [], []).rejectedSources).toEqual([]);
  });
});

it('reads the list of all rules, and nothing that is no list', () => {
  const list = 'ipv4 filter INPUT 0 -s 10.0.0.2 -d 10.0.0.1 -j ACCEPT\nipv6 filter X -1 -j y\n';
  expect(parseRuleList(list)?.size).toBe(2);
  expect(parseRuleList('\n')).toEqual(new Set());
  expect(parseRuleList('yes\n')).toBeUndefined();
});
