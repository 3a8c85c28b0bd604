/**
 * `node format` for real in fresh namespaces, and its peers in the same namespace: the network by
 * `ip -batch` and by one `ip` process an operation, the users by systemd-sysusers, and upstream
 * with its sleeps removed where SLAPOS_PEER_PYTHON names a Python that has it.
 *
 *     npm run bench -- format [--json] [--partitions 100,300,1000] [--runs 3] [--upstream 20]
 *
 * There is no duplicate address detection in it (accept_dad = 0), which adds one wait of about 2 s
 * on links with carrier, however many addresses there are. Kernel work against the C floor is the
 * benchmark `netlink`.
 */
import { spawnSync } from 'node:child_process';
import { cpus, loadavg, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    partitions: { type: 'string', default: '100,300' },
    runs: { type: 'string', default: '3' },
    /** Partitions that upstream formats, 0 for none. */
    upstream: { type: 'string', default: '0' },
  },
});

/** Milliseconds of whole processes, but for peak-rss-mb. */
interface Row {
  readonly what: string;
  readonly partitions: number;
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** Runs with nothing to do, for one first run. */
const REPEATS = 3;
/** One process an operation is only measured up to here: it takes 15 ms a partition and more. */
const MOST_FOR_ONE_EACH = 100;

const packageFolder = join(__dirname, '../..');

const PREPARE = `
    timed() { local name=$1 start=$(date +%s%N); shift; "$@"; local end=$(date +%s%N)
              awk "BEGIN { print \\"$name\\", ($end - $start) / 1000000 }"; }
    ip link add br0 type bridge; ip link set br0 up
    echo 0 > /proc/sys/net/ipv6/conf/br0/accept_dad
    ip address add 2001:db8:aaaa::1/48 dev br0
    mkdir -p /srv/peer /srv/before; cp -a /etc /srv/peer/etc; cp -a /etc /srv/before/etc; touch /srv/master
    node "$SLAPOS_PACKAGE/test/support/quiet-master.mjs" 5000 /dev/null > /srv/master &
    until grep -q ready /srv/master; do sleep 0.02; done
    format() { "$SLAPOS_PACKAGE/bin/slapos" -q node format --now --cfg /srv/slapos.cfg; }`;

function configuration(partitions: number): string {
  return `
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
CFG`;
}

const OURS = `
    cat > /srv/rss.cjs <<'JS'
process.on('exit', () => console.log('peak-rss-mb', process.resourceUsage().maxRSS / 1024));
JS
    format_dry() { "$SLAPOS_PACKAGE/bin/slapos" -q node format -n --cfg /srv/slapos.cfg > /dev/null; }
    timed node-e-0 node -e 0
    timed first format
    for i in $(seq ${REPEATS}); do timed nothing-to-do format; done
    timed dry-run format_dry
    NODE_OPTIONS='--require /srv/rss.cjs' format`;

/** The same users and network again, by others. */
function peers(partitions: number): string {
  return `
    awk -F: '/^slap/ { print "u", $1, $3, "-", $6, $7 }' /etc/passwd > /srv/users.conf
    timed sysusers-other-tree systemd-sysusers --root=/srv/peer /srv/users.conf 2> /dev/null
    [ "$(grep -c ^slapuser /srv/peer/etc/passwd)" = ${partitions} ]
    for file in passwd group shadow gshadow; do cp -p /srv/before/etc/$file /etc/$file; done
    timed systemd-sysusers systemd-sysusers /srv/users.conf 2> /dev/null
    [ "$(grep -c ^slapuser /etc/passwd)" = ${partitions} ]
    ip -o address show scope global | awk '$2 ~ /slaptap|br0/ && $4 !~ /::1\\/48/ {
      print "address replace", $4, "dev", $2, ($2 ~ /tap/ ? "nodad noprefixroute" : "") }' > /srv/addresses
    (ip -6 route show proto 83; ip -6 route show proto 83 table local) |
      sed 's/ linkdown//; s/ pref medium//; s/^/route replace /' > /srv/routes
    for i in $(seq 0 ${partitions - 1}); do
      echo "tuntap add dev slaptap$i mode tap user slapuser$i"
      echo "link set slaptap$i up"
    done > /srv/links
    clean() { ip link delete group $1; ip address flush dev br0; ip -6 route flush table local proto 83
              ip address add 2001:db8:aaaa::1/48 dev br0; }
    batch() { ip -batch /srv/links && ip -batch /srv/addresses && ip -batch /srv/routes; }
    each() { cat /srv/links /srv/addresses /srv/routes | while read -r line; do ip $line; done; }
    clean 20905
    timed ip-batch batch
    ${partitions > MOST_FOR_ONE_EACH ? '' : oneEach(partitions)}`;
}

function oneEach(partitions: number): string {
  return `
    for i in $(seq 0 ${partitions - 1}); do echo "link delete slaptap$i"; done | ip -batch -
    clean 0 2> /dev/null || true
    timed ip-one-each each`;
}

/** Upstream's own command line, without the two seconds that it sleeps for each address. */
const UPSTREAM = `
    cat > /srv/upstream.py <<'PY'
import sys, time
time.sleep = lambda seconds: None
sys.argv = ['slapos', 'node', 'format', '--now', '--cfg', '/srv/slapos.cfg']
from slapos.cli.entry import main
sys.exit(main())
PY
    upstream() { "$SLAPOS_PEER_PYTHON" /srv/upstream.py > /srv/upstream.log 2>&1 || {
      tail -5 /srv/upstream.log >&2; return 1; }; }
    timed upstream-first-without-sleeps upstream
    timed upstream-nothing-to-do upstream`;

function script(partitions: number, isUpstream: boolean): string {
  const body = isUpstream ? UPSTREAM : OURS + peers(partitions);
  return `${PREPARE}\n${configuration(partitions)}\n${body}`;
}

function runOnce(partitions: number, isUpstream: boolean): Array<readonly [string, number]> {
  const { status, stdout, stderr } = spawnSync(
    join(packageFolder, 'scripts/in-namespace.sh'),
    ['bash', '-euc', script(partitions, isUpstream)],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`the run ended with ${status}: ${stderr}`);
  const lines = stdout.trim().split('\n');
  return lines.map((line) => [line.split(' ')[0] ?? '', Number(line.split(' ')[1])] as const);
}

function measure(partitions: number, runs: number, isUpstream = false): Row[] {
  const samples = new Map<string, number[]>();
  for (let run = 0; run < runs; run += 1) {
    for (const [what, value] of runOnce(partitions, isUpstream)) {
      samples.set(what, [...(samples.get(what) ?? []), value]);
    }
  }
  return [...samples].map(([what, unsorted]) => {
    const sorted = unsorted.toSorted((a, b) => a - b);
    const at = (position: number) => Math.round((sorted[position] ?? Number.NaN) * 10) / 10;
    const middle = Math.floor(sorted.length / 2);
    return { what, partitions, min: at(0), median: at(middle), max: at(sorted.length - 1) };
  });
}

const runs = Number(values.runs);
const upstreamPartitions = process.env['SLAPOS_PEER_PYTHON'] ? Number(values.upstream) : 0;
const loadBefore = loadavg()[0]?.toFixed(1);
const rows = [
  ...values.partitions.split(',').flatMap((count) => measure(Number(count), runs)),
  ...(upstreamPartitions > 0 ? measure(upstreamPartitions, 1, true) : []),
];
const machine =
  `${cpus().length} × ${cpus()[0]?.model ?? 'cpu'}, Linux ${release()}, Node ${process.version}, ` +
  `${runs} runs, load ${loadBefore} before and ${loadavg()[0]?.toFixed(1)} after`;
if (values.json) process.stdout.write(`${JSON.stringify({ machine, rows }, null, 2)}\n`);
else {
  process.stdout.write(`${machine}; milliseconds of whole processes\n`);
  console.table(rows);
}
