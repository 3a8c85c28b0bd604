/** What is run in fresh namespaces, as shell text. Each timed thing prints a line `NAME VALUE`. */

/** Runs with nothing to do, for one first run. */
const REPEATS = 3;
/** Ours all stand in it, so that one message deletes them. */
const GROUP = 20905;

/**
 * A bridge with a prefix, and the configuration.
 * @param hasCarrier with a port that is up, so that the kernel looks for duplicate addresses
 */
export function prepareNode(partitions: number, hasCarrier = false): string {
  const port = `ip link add v0 type veth peer name v1
    ip link set v0 master br0 up; ip link set v1 up`;
  return `
    timed() { local name=$1 start=$(date +%s%N); shift; "$@"; local end=$(date +%s%N)
              awk "BEGIN { print \\"$name\\", ($end - $start) / 1000000 }"; }
    slapos() { "$SLAPOS_PACKAGE/bin/slapos" "$@"; }
    format() { slapos -q node format --now --cfg /srv/slapos.cfg; }
    ip link add br0 address 02:00:00:00:00:01 type bridge; ip link set br0 up
    ${hasCarrier ? port : 'echo 0 > /proc/sys/net/ipv6/conf/br0/accept_dad'}
    ip address add 2001:db8:aaaa::1/48 dev br0 nodad
    cat > /srv/slapos.cfg <<'CFG'
[slapos]
computer_id = COMP-1
master_url = http://127.0.0.1:5000/
software_root = /srv/software
instance_root = /srv/slapgrid
[slapformat]
interface_name = br0
partition_amount = ${partitions}
partition_base_name = slappart
user_base_name = slapuser
tap_base_name = slaptap
computer_xml = /srv/slapos.xml
ipv4_local_network = 10.0.0.0/16
CFG
`;
}

/** A Master that says yes to everything. */
export const MASTER = `
    touch /srv/master
    node "$SLAPOS_PACKAGE/test/support/quiet-master.mjs" 5000 > /srv/master &
    until grep -q ready /srv/master; do sleep 0.02; done`;

/**
 * A digest of the network that was made: the same for all who did the same. Without detection of
 * duplicates an address is tentative only until the kernel comes round to it.
 */
const STATE = `
    state() { until [ -z "$(ip -6 address show dev br0 scope global tentative)" ]; do sleep 0.1; done
              (ip -6 -o address show scope global; ip -4 -o address show scope global; ip -6 route show table all proto 83
               grep -H . /sys/class/net/slap*/owner /sys/class/net/slap*/group /sys/class/net/slap*/flags) |
              sed 's/^[0-9]*: //; s/ linkdown//; s/ *valid_lft.*//' | sort | md5sum | sed 's/^/state /; s/ *-//'; }`;

/** Empties the namespace, so that the kernel is not busy with it while the next is measured. */
const CLEAN = `ip link delete group ${GROUP}`;

/** @param program the bundle of this benchmark */
export function planScript(partitions: number, program: string, folder: string): string {
  return `${prepareNode(partitions)}
    node "${program}" --steps /srv/slapos.cfg --into "${folder}"`;
}

export function floorScript(partitions: number, program: string, operations: string): string {
  return `${prepareNode(partitions)} ${STATE}
    "${program}" "${operations}"; state; ${CLEAN}`;
}

export function kernelScript(partitions: number, program: string): string {
  return `${prepareNode(partitions)} ${STATE}
    node "${program}" --measure /srv/slapos.cfg; state; ${CLEAN}`;
}

/** Whole processes of ours. */
export function processScript(partitions: number): string {
  return `${prepareNode(partitions)} ${MASTER}
    cat > /srv/rss.cjs <<'JS'
process.on('exit', () => console.log('peak-memory', process.resourceUsage().maxRSS / 1024));
JS
    dry() { slapos -q node format -n --cfg /srv/slapos.cfg > /dev/null; }
    timed node-e-0 node -e 0
    timed first format
    for i in $(seq ${REPEATS}); do timed nothing-to-do format; done
    timed dry-run dry
    NODE_OPTIONS='--require /srv/rss.cjs' format
    awk -F: '/^slap/ { print "u", $1, $3, "-", $6, $7 }' /etc/passwd > "$SLAPOS_PACKAGE/build/bench/users-${partitions}.conf"
    ${CLEAN}`;
}

/** A first run that waits for duplicate address detection; the log file says how long. */
export function duplicateDetectionScript(partitions: number): string {
  return `${prepareNode(partitions, true)} ${MASTER}
    logged() { slapos -q --log-format json --log-file /srv/log node format --now --cfg /srv/slapos.cfg; }
    timed first-with-dad logged
    node -e '
      const lines = require("fs").readFileSync("/srv/log", "utf8").trim().split("\\n").map(JSON.parse);
      const at = lines.findIndex((line) => line.facts?.kind === "awaitDad");
      console.log("dad-wait", Date.parse(lines[at + 1].time) - Date.parse(lines[at].time));'
    ${CLEAN}`;
}

/** The same users and network by others, from input that is ready-made. */
export function peerScript(partitions: number, files: PeerFiles): string {
  return `${prepareNode(partitions)} ${STATE}
    mkdir /srv/peer; cp -a /etc /srv/peer/etc
    batch() { ip -batch "${files.ip}"; }
    each() { while read -r line; do ip $line || return 1; done < "${files.ip}"; }
    ${files.hasSysusers ? sysusers(partitions) : ''}
    timed ip-batch batch
    state
    ${
      files.hasOneEach
        ? `${CLEAN}; ip address flush dev br0; ip address add 2001:db8:aaaa::1/48 dev br0 nodad
    ip -6 route flush table local proto 83
    timed ip-one-each each`
        : ''
    }
    ${CLEAN}`;
}

export interface PeerFiles {
  /** Commands for `ip -batch`. */
  readonly ip: string;
  readonly hasSysusers: boolean;
  /** Whether to start one process for each command too. */
  readonly hasOneEach: boolean;
}

function sysusers(partitions: number): string {
  const users = `"$SLAPOS_PACKAGE/build/bench/users-${partitions}.conf"`;
  return `
    timed sysusers-other-tree systemd-sysusers --root=/srv/peer ${users} 2> /dev/null
    [ "$(grep -c ^slapuser /srv/peer/etc/passwd)" = ${partitions} ]
    timed sysusers systemd-sysusers ${users} 2> /dev/null
    [ "$(grep -c ^slapuser /etc/passwd)" = ${partitions} ]`;
}

/**
 * Upstream's own command line. Instead of the two seconds that it sleeps for each address it waits
 * until the kernel has come round to it, mostly a millisecond.
 */
export function upstreamScript(partitions: number): string {
  return `${prepareNode(partitions)} ${MASTER}
    cat > /srv/upstream.py <<'PY'
import sys, time
really_sleep = time.sleep
def is_tentative():
    with open('/proc/net/if_inet6') as addresses:
        fields = [line.split() for line in addresses]
    return any(f[5] == 'br0' and f[3] == '00' and int(f[4], 16) & 0x40 for f in fields)
def sleep(seconds):
    until = time.monotonic() + seconds
    while is_tentative() and time.monotonic() < until:
        really_sleep(0.001)
time.sleep = sleep
sys.argv = ['slapos', 'node', 'format', '--now', '--cfg', '/srv/slapos.cfg']
from slapos.cli.entry import main
sys.exit(main())
PY
    upstream() { "$SLAPOS_PEER_PYTHON" /srv/upstream.py > /srv/upstream.log 2>&1 || {
      tail -5 /srv/upstream.log >&2; return 1; }; }
    timed upstream-first upstream
    timed upstream-nothing-to-do upstream`;
}
