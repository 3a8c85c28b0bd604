import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/read.ts';
import { mergeOptions, parseOptions } from '../../../src/format/options.ts';
import { formatOptions } from '../../support/format-run.ts';

describe('options of format', () => {
  it('have upstream defaults', () => {
    expect(formatOptions()).toMatchObject({
      areUsersAltered: true,
      isNetworkAltered: true,
      hasTaps: true,
      hasTuns: false,
      hasIpv6Range: true,
      ipv6PrefixShift: 16,
      softwareUser: 'slapsoft',
      tapMode: 'auto',
      managers: [],
    });
  });

  it('check the Master unless they are told not to', () => {
    expect(formatOptions().isMasterVerified).toBe(true);
    expect(formatOptions({ master_tls_verify: 'False' }).isMasterVerified).toBe(false);
    expect(() => formatOptions({ master_tls_verify: 'no' })).toThrow('neither True nor False');
  });

  it('prefer [slapos] to [slapformat], and the command line to both', () => {
    const config = parseConfig(
      '[slapformat]\ncomputer_id = a\ncomputer_xml = x\nalter_user = true\n' +
        '[slapos]\ncomputer_id = b\ncomputer_xml = y\n',
      '/slapos.cfg',
    );
    const merged = mergeOptions(config, { computer_xml: 'z', alter_user: 'False', now: true });
    expect(['computer_id', 'computer_xml', 'alter_user'].map(merged.get)).toEqual([
      'b',
      'z',
      'False',
    ]);
    expect(merged.origin('computer_id')).toBe('[slapos] computer_id, /slapos.cfg line 6');
    expect(merged.isNow).toBe(true);
    expect(merged.isDryRun).toBe(false);
  });

  it('take the state file relative to the current folder', () => {
    const config = parseConfig(
      '[slapos]\ncomputer_id=a\nmaster_url=u\ninstance_root=/i\nsoftware_root=/s\n' +
        '[slapformat]\ncomputer_xml=state/slapos.xml\npartition_amount=1\n',
      '/slapos.cfg',
    );
    expect(parseOptions(mergeOptions(config, {}), '/var').computerXml).toBe(
      '/var/state/slapos.xml',
    );
  });

  it.each([
    [{ create_tap: 'TRUE' }, { hasTaps: true }],
    [{ create_tap: 'False' }, { hasTaps: false }],
    [{ manager_list: 'cpuset, prerm\n  devperm' }, { managers: ['cpuset', 'prerm', 'devperm'] }],
    [{ partition_amount: '4', ipv6_prefixshift: '4' }, { ipv6PrefixShift: 4 }],
    [{ ipv6_interface: '' }, { ipv6Interface: '' }],
    [{ bridge_name: '', use_unique_local_address_block: 'x' }, { partitionAmount: 3 }],
  ])('%j mean %j', (keys, expected) => {
    expect(formatOptions(keys)).toMatchObject(expected);
  });

  it.each([
    [{ partition_amount: undefined }, "Parameter 'partition_amount' is not defined."],
    [{ partition_amount: 'many' }, "'many' is not a number"],
    [{ ipv4_local_network: '10.0.0.0/33' }, "'10.0.0.0/33' is not an IPv4 network"],
    [{ tap_mode: 'bridge' }, "'bridge' is no tap mode"],
    [{ tun_ipv6: '1' }, '1 is neither True nor False.'],
    [{ master_url: '' }, "Parameter 'master_url' is not defined."],
  ])('%j are refused', (keys, message) => {
    expect(() => formatOptions(keys)).toThrow(message);
  });

  it('are refused in upstream order: booleans before missing keys, these before the shift', () => {
    const keys = { create_tap: 'yes', computer_id: '', ipv6_prefixshift: '1' };
    expect(() => formatOptions(keys)).toThrow('yes is neither True nor False.');
    expect(() => formatOptions({ ...keys, create_tap: 'true' })).toThrow("'computer_id'");
  });
});
