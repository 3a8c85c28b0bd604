/** Judgements about IPv6, interfaces and routes. Pure. */
import type { NativeAddress, NativeLink } from '../host/network/native-network.ts';
import type { DoctorFacts } from './facts.ts';
import { type Finding, fine, problem, warning } from './finding.ts';

/** RT_SCOPE_UNIVERSE of rtnetlink(7). */
const GLOBAL_SCOPE = 0;
/** Addresses of a partition: its own, its tap's, its tun's. */
const ADDRESSES_PER_PARTITION = 3;

export function judgeNetwork(facts: DoctorFacts): Finding[] {
  const { settings, network } = facts;
  if (network.sysctls.get('net.ipv6.conf.all.disable_ipv6') === 1) {
    return [problem('ipv6', 'IPv6 is switched off.', 'sysctl -w net.ipv6.conf.all.disable_ipv6=0')];
  }
  const name = settings.ipv6Interface;
  if (name === undefined) return [];
  const link = network.state.links.find((one) => one.name === name);
  if (link === undefined) return [judgeMissing(name, facts)];
  return [...judgeLink(link, facts), ...judgeAddresses(link, facts), ...judgeNeighbours(facts)];
}

function judgeMissing(name: string, { settings }: DoctorFacts): Finding {
  if (settings.isBridgeCreated) {
    return warning('interface', `${name} does not exist yet.`, '`slapos node format` makes it.');
  }
  return problem(
    'interface',
    `There is no interface ${name}.`,
    'Correct interface_name in [slapformat]; `ip -br link` lists those there are.',
  );
}

function judgeLink(link: NativeLink, { settings, network }: DoctorFacts): Finding[] {
  const findings: Finding[] = [];
  const acceptRa = network.sysctls.get(`net.ipv6.conf.${link.name}.accept_ra`);
  const forwarding = network.sysctls.get('net.ipv6.conf.all.forwarding');
  if (forwarding === 1 && acceptRa === 1) {
    findings.push(
      warning(
        'ipv6',
        `Forwarding is on, so that ${link.name} ignores router advertisements.`,
        `sysctl -w net.ipv6.conf.${link.name}.accept_ra=2`,
      ),
    );
  }
  if (settings.isTapCreated && link.kind !== 'bridge' && !settings.isBridgeCreated) {
    findings.push(
      fine('interface', `${link.name} is no bridge: taps are routed instead of bridged.`),
    );
  }
  return findings;
}

function judgeAddresses(link: NativeLink, { settings, network }: DoctorFacts): Finding[] {
  const { addresses, routes } = network.state;
  const own = addresses.filter((one) => one.ifindex === link.ifindex && isUsable(one));
  const widest = Math.min(...own.map(({ prefixLength }) => prefixLength));
  if (own.length === 0) {
    return [
      problem(
        'ipv6',
        `${link.name} has no global IPv6 address.`,
        'Ask the provider for one, or join an overlay network such as re6st; `slapos node boot` waits for it.',
      ),
    ];
  }
  const wanted = settings.partitionAmount * ADDRESSES_PER_PARTITION;
  const isTooSmall = 2 ** (128 - widest) < wanted;
  const hasRoute = routes.some((route) => route.family === 6 && route.destination === '');
  return [
    isTooSmall
      ? problem(
          'ipv6',
          `A /${widest} has too few addresses for ${settings.partitionAmount} partitions.`,
          'A /64 or wider is wanted; see docs/format.md.',
        )
      : fine('ipv6', `${link.name} has ${own[0]?.address}/${own[0]?.prefixLength}.`),
    ...(hasRoute
      ? []
      : [
          warning(
            'ipv6',
            'There is no default route for IPv6.',
            'Partitions reach this machine only; look at `ip -6 route` and the router.',
          ),
        ]),
  ];
}

function isUsable({ family, scope, address }: NativeAddress): boolean {
  return family === 6 && scope === GLOBAL_SCOPE && !/^fe[89ab]/i.test(address);
}

function judgeNeighbours({ settings, network }: DoctorFacts): Finding[] {
  const most = network.sysctls.get('net.ipv6.neigh.default.gc_thresh3');
  const wanted = settings.partitionAmount * ADDRESSES_PER_PARTITION;
  if (most === undefined || most >= wanted) return [];
  return [
    warning(
      'ipv6',
      `The kernel keeps ${most} neighbours, fewer than ${settings.partitionAmount} partitions may need.`,
      `sysctl -w net.ipv6.neigh.default.gc_thresh3=${Math.max(4096, 2 * wanted)} (gc_thresh2 too)`,
    ),
  ];
}
