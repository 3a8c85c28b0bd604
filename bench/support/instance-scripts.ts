/** A node with its own Master and many instances, as shell text. Timed things print `NAME MS`. */

const SOFTWARE = 'https://software.example/bench/software.cfg';

/** What the partitions have to be checked. */
export type Promises = 'none' | 'sleeping' | 'plugin';

export interface Site {
  readonly partitions: number;
  /** Timed passes with nothing to do. */
  readonly repeats: number;
  readonly promises: Promises;
  /** Python that has slapos.core; without it only ours is measured. */
  readonly peer?: string;
  /** Seconds that a legacy promise sleeps. */
  readonly sleepSeconds?: number;
}

/**
 * Ends with a first pass over all partitions. The software release is a shell script, but where
 * promises are plugins: what runs those is the Python in the first line of `bin/buildout`.
 */
function prepare(site: Site): string {
  return `
    timed() { local name=$1 start=$(date +%s%N); shift; "$@"; local end=$(date +%s%N)
              awk "BEGIN { print \\"$name\\", ($end - $start) / 1000000 }"; }
    slapos() { "$SLAPOS_PACKAGE/bin/slapos" -q "$@"; }
    ip link add br0 address 02:00:00:00:00:01 type bridge; ip link set br0 up
    echo 0 > /proc/sys/net/ipv6/conf/br0/accept_dad
    ip address add 2001:db8:aaaa::1/48 dev br0 nodad
    cat > /srv/slapos.cfg <<'CFG'
[slapos]
computer_id = COMP-1
master_url = http://127.0.0.1:5000/
software_root = /srv/software
instance_root = /srv/slapgrid
instance_min_free_space = 0
software_min_free_space = 0
pidfile_instance = /srv/instance.pid
pidfile_software = /srv/software.pid
[slapformat]
interface_name = br0
partition_amount = ${site.partitions}
partition_base_name = slappart
user_base_name = slapuser
create_tap = false
computer_xml = /srv/slapos.xml
ipv4_local_network = 10.0.0.0/16
[slapproxy]
host = 127.0.0.1
port = 5000
database_uri = /srv/proxy.db
CFG
    slapos proxy start --cfg /srv/slapos.cfg > /srv/proxy.log 2>&1 &
    until (exec 3<> /dev/tcp/127.0.0.1/5000) 2> /dev/null; do sleep 0.02; done
    slapos node format --now --cfg /srv/slapos.cfg
    node "$SLAPOS_PACKAGE/bench/support/request-instances.mjs" \\
      http://127.0.0.1:5000/ COMP-1 ${SOFTWARE} ${site.partitions}
    ${software(site)}
    instance() { slapos node instance --now --cfg /srv/slapos.cfg; }
    software() { slapos node software --now --cfg /srv/slapos.cfg; }
    timed first-pass instance
    ! grep -L . /srv/slapgrid/slappart*/.timestamp
    [ "$(ls /srv/slapgrid/slappart*/.timestamp | wc -l)" = ${site.partitions} ]`;
}

function software({ peer, promises, sleepSeconds = 0 }: Site): string {
  const sleeping = `
mkdir -p etc/promise
printf '#!/bin/sh\\nexec sleep ${sleepSeconds}\\n' > etc/promise/sleeper
chmod 755 etc/promise/sleeper`;
  const shell = `#!/bin/sh
mkdir -p etc/service
printf '#!/bin/sh\\nexec sleep 100000\\n' > etc/service/idle
chmod 755 etc/service/idle${promises === 'sleeping' ? sleeping : ''}`;
  return `
    release=/srv/software/$(printf %s ${SOFTWARE} | md5sum | cut -c 1-32)
    mkdir -p $release/bin
    printf '[buildout]\\nparts =\\n' > $release/instance.cfg
    date > $release/.completed
    cat > $release/bin/buildout <<'BUILDOUT'
${promises === 'plugin' && peer !== undefined ? pluginBuildout(peer) : shell}
BUILDOUT
    chmod 755 $release/bin/buildout
    chown -R slapsoft:slapsoft /srv/software`;
}

/** Due once a day. */
function pluginBuildout(python: string): string {
  return `#!${python}
import os
import sys
os.makedirs('etc/plugin', exist_ok=True)
with open('etc/plugin/check.py', 'w') as plugin:
    plugin.write('''import sys
sys.path[0:0] = %r
extra_config_dict = {}
from zope.interface import implementer
from slapos.grid.promise import interface
from slapos.grid.promise.generic import GenericPromise
@implementer(interface.IPromise)
class RunPromise(GenericPromise):
    def __init__(self, config):
        GenericPromise.__init__(self, config)
        self.setPeriodicity(minute=1440)
    def sense(self):
        self.logger.info('fine')
''' % ([path for path in sys.path if path.endswith('-packages')],))`;
}

/**
 * Upstream's own command line. Its release 1.26 asks importlib for the package of a plain module,
 * which Python allows from 3.12 on (importlib.resources.files): given here to older ones.
 */
const UPSTREAM = `
    cat > /srv/upstream.py <<'PY'
import importlib
import importlib.resources
import sys
files = importlib.resources.files
def files_of(anchor):
    module = importlib.import_module(anchor) if isinstance(anchor, str) else anchor
    return files(module.__spec__.parent if module.__spec__.submodule_search_locations is None else module)
importlib.resources.files = files_of
sys.argv = ['slapos', 'node', 'instance', '--now', '--cfg', '/srv/slapos.cfg']
from slapos.cli.entry import main
sys.exit(main())
PY
    upstream() { "$SLAPOS_PEER_PYTHON" /srv/upstream.py > /srv/upstream.log 2>&1 || {
      tail -5 /srv/upstream.log >&2; return 1; }; }`;

/** Passes with nothing to do, ours and upstream's in turns. */
export function passScript(site: Site): string {
  const times = `$(seq ${site.repeats})`;
  const ours = `
    instance; software
    for i in ${times}; do
      timed node-e-0 node -e 0
      timed instance instance
      timed software software
    done
    cat > /srv/rss.cjs <<'JS'
process.on('exit', () => console.log('peak-memory', process.resourceUsage().maxRSS / 1024));
JS
    NODE_OPTIONS='--require /srv/rss.cjs' instance`;
  if (site.peer === undefined) return prepare(site) + ours;
  return `${prepare(site)} ${UPSTREAM}
    upstream
    timed upstream upstream
    ${ours}
    timed upstream upstream`;
}

/** Passes in which every partition has a promise that is due. */
export function promiseScript(site: Site): string {
  return `${prepare(site)}
    for i in $(seq ${site.repeats}); do
      rm -rf /srv/slapgrid/slappart*/.slapgrid/promise/cache
      timed due-promises instance
      [ "$(ls /srv/slapgrid/slappart*/.slapgrid/promise/cache/sleeper | wc -l)" = ${site.partitions} ]
    done`;
}
