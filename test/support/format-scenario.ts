/** Pieces of the scripts that run `slapos node format` for real in a fresh namespace. */

/** A bridge with a prefix; `withCarrier` gives it a port that is up, so that DAD runs. */
export function bridge(address: string, withCarrier: boolean): string {
  const carrier = `
    ip link add v0 type veth peer name v1
    ip link set v0 master br0 up
    ip link set v1 up`;
  return `
    ip link add br0 type bridge
    ip link set br0 up${withCarrier ? carrier : ''}
    ip address add ${address} dev br0 nodad
  `;
}

/** A Master on port 5000 that writes what it hears to /srv/master.log, and the configuration. */
export function node(settings: Readonly<Record<string, string | number>>): string {
  const slapformat = {
    interface_name: 'br0',
    partition_amount: 3,
    computer_xml: '/srv/slapos/slapos.xml',
    ipv4_local_network: '10.0.0.0/16',
    ...settings,
  };
  const lines = Object.entries(slapformat).map(([key, value]) => `${key} = ${value}`);
  return `
    cat > /srv/slapos.cfg <<'CFG'
[slapos]
computer_id = COMP-1
master_url = http://127.0.0.1:5000/
software_root = /srv/software
instance_root = /srv/slapgrid
[slapformat]
${lines.join('\n')}
CFG
    export SLAPOS_CONFIGURATION=/srv/slapos.cfg
    slapos() { "$SLAPOS_PACKAGE/bin/slapos" "$@"; }
    node "$SLAPOS_PACKAGE/test/support/quiet-master.mjs" 5000 /srv/master.log > /srv/master.out &
    timeout 20 sh -c 'until grep -q ready /srv/master.out; do sleep 0.02; done'
  `;
}

/** Prints everything that format makes, without what differs from machine to machine. */
export const DUMP = `
  echo "# links"; ip -o link show group 20905 up | awk '{print $2}' | sort
  ip -o -d link show type tun | grep -oE 'slap[a-z]+[0-9]+|user [a-z0-9]+' | paste - - | sort
  # The kernel asks nobody about the address of a tun (NOARP), but later than it says that it is there.
  echo "# addresses"; ip -o address show scope global | sed '/slaptun/s/ tentative//' | awk '{print $2, $3, $4, $5, $6, $7, $8}' | sort
  echo "# routes"; ip -6 route show proto 83 table all | sed 's/ linkdown//' | sort
  ip -4 route show proto 83 table all | sed 's/ linkdown//' | sort
  echo "# users"; getent passwd | grep slap || true; getent group | grep slap || true
  grep slap /etc/shadow | cut -d: -f1,2 || true; grep slap /etc/gshadow || true
  echo "# folders"; find /srv/slapgrid /srv/software /srv/slapos -printf '%p %m %u %g\\n' | sort
  echo "# files"; find /srv/slapgrid /srv/slapos -type f ! -name '*.lock' ! -name '*.zip' \\
    -exec sha256sum {} + | sort -k2
  echo "# sysctl"; cat /proc/sys/net/ipv6/ip_nonlocal_bind
`;
