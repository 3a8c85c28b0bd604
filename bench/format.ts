/**
 * `node format` for real in fresh namespaces: first run and a run with nothing to do, and the floor
 * that the kernel sets, by `ip -batch` with the same network in the same namespace.
 *
 *     npm run bench -- format [--json] [--partitions 100,300,1000] [--runs 3]
 *
 * There is no duplicate address detection in it (accept_dad = 0), which adds one wait of about 2 s
 * on links with carrier, however many addresses there are.
 */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    partitions: { type: 'string', default: '100,300' },
    runs: { type: 'string', default: '3' },
  },
});

interface Row {
  readonly what: string;
  readonly partitions: number;
  readonly minMs: number;
  readonly medianMs: number;
  readonly maxMs: number;
}

const packageFolder = join(__dirname, '../..');

/** Prints `NAME MILLISECONDS` for each thing timed. */
function script(partitions: number): string {
  return `
    timed() { local name=$1 start=$(date +%s%N); shift; "$@"; local end=$(date +%s%N)
              awk "BEGIN { print \\"$name\\", ($end - $start) / 1000000 }"; }
    ip link add br0 type bridge; ip link set br0 up
    echo 0 > /proc/sys/net/ipv6/conf/br0/accept_dad
    ip address add 2001:db8:aaaa::1/48 dev br0
    cat > /srv/slapos.cfg <<'CFG'
[slapos]
computer_id = COMP-1
master_url = http://127.0.0.1:5000/
software_root = /srv/software
instance_root = /srv/slapgrid
[slapformat]
interface_name = br0
partition_amount = ${partitions}
computer_xml = /srv/slapos.xml
ipv4_local_network = 10.0.0.0/16
CFG
    node "$SLAPOS_PACKAGE/test/support/quiet-master.mjs" 5000 /dev/null > /srv/master &
    until grep -q ready /srv/master; do sleep 0.02; done
    format() { "$SLAPOS_PACKAGE/bin/slapos" -q node format --now --cfg /srv/slapos.cfg; }
    format_dry() { "$SLAPOS_PACKAGE/bin/slapos" -q node format -n --cfg /srv/slapos.cfg > /dev/null; }
    timed node-e-0 node -e 0
    timed first format
    timed second format
    timed dry-run format_dry
    ip -o address show scope global | awk '$2 ~ /slaptap|br0/ {
      print "address replace", $4, "dev", $2, ($2 ~ /tap/ ? "nodad noprefixroute" : "") }' > /srv/addresses
    (ip -6 route show proto 83; ip -6 route show proto 83 table local) |
      sed 's/ linkdown//; s/ pref medium//; s/^/route replace /; s/replace \\(2001\\)/replace \\1/' > /srv/routes
    ip link delete group 20905
    ip address flush dev br0
    ip -6 route flush table local proto 83
    ip address add 2001:db8:aaaa::1/48 dev br0
    for i in $(seq 0 $((${partitions} - 1))); do
      echo "tuntap add dev slaptap$i mode tap user slapuser$i"
      echo "link set slaptap$i up"
    done > /srv/links
    kernel() { ip -batch /srv/links && ip -batch /srv/addresses && ip -batch /srv/routes; }
    timed ip-batch kernel
  `;
}

function runOnce(partitions: number): Map<string, number> {
  const { status, stdout, stderr } = spawnSync(
    join(packageFolder, 'scripts/in-namespace.sh'),
    ['bash', '-euc', script(partitions)],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`the run ended with ${status}: ${stderr}`);
  const lines = stdout.trim().split('\n');
  return new Map(lines.map((line) => [line.split(' ')[0] ?? '', Number(line.split(' ')[1])]));
}

function measure(partitions: number, runs: number): Row[] {
  const samples = Array.from({ length: runs }, () => runOnce(partitions));
  return [...(samples[0]?.keys() ?? [])].map((what) => {
    const times = samples.map((sample) => sample.get(what) ?? Number.NaN).sort((a, b) => a - b);
    const at = (position: number) => Math.round((times[position] ?? Number.NaN) * 10) / 10;
    const middle = Math.floor(times.length / 2);
    return { what, partitions, minMs: at(0), medianMs: at(middle), maxMs: at(times.length - 1) };
  });
}

const runs = Number(values.runs);
const rows = values.partitions.split(',').flatMap((count) => measure(Number(count), runs));
const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'cpu'}, Node ${process.version}, ${runs} runs`;
if (values.json) process.stdout.write(`${JSON.stringify({ machine, rows }, null, 2)}\n`);
else {
  process.stdout.write(`${machine}; milliseconds of whole processes\n`);
  console.table(rows);
}
