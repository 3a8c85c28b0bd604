/** What `bench udev` runs in fresh namespaces, as shell text. Prints lines `NAME VALUE`. */
import { MASTER, prepareNode } from './format-scripts.ts';

/** Where things are while it runs. */
export interface UdevPlace {
  /** Unpacked packages of Debian's udevd, '' to use what is installed. */
  readonly folder: string;
  readonly taps: number;
  readonly runs: number;
}

/**
 * systemd-udevd with the rules of the distribution and private rules of its own. The unpacked
 * packages are laid over /usr/lib, so that the programs which rules start find their libraries.
 */
function startUdevd(folder: string): string {
  const overlay = `mount -t overlay overlay -o "lowerdir=${folder}/usr/lib:${folder}/lib:/usr/lib" /usr/lib`;
  const program = folder === '' ? 'udevadm' : `${folder}/bin/udevadm`;
  return `
    mkdir -p /run/udev /etc/udev/rules.d; rm -f /etc/udev/rules.d/*slapos*
    ${folder === '' ? '' : overlay}
    udevadm() { LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu/systemd:/usr/lib/aarch64-linux-gnu/systemd command ${program} "$@"; }
    [ -e /usr/lib/udev/rules.d/99-systemd.rules ] || { echo '99-systemd.rules is missing' >&2; exit 1; }
    /lib/systemd/systemd-sysctl --prefix=/net/ipv4/conf/lo
    (LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu/systemd:/usr/lib/aarch64-linux-gnu/systemd exec -a systemd-udevd $(command -v ${program})) > /srv/udevd.log 2>&1 &
    udevd=$!
    until [ -e /run/udev/control ]; do sleep 0.05; done`;
}

/**
 * One first run. Before it, udevd has been idle long enough to look at its rules again, and has
 * done so for another device. CPU of udevd is read when its workers are gone.
 */
const MEASURE = `
    udevd_cpu() { [ -z "$udevd" ] && echo 0 || awk '{ print ($14 + $15 + $16 + $17) * 10 }' "/proc/$udevd/stat"; }
    busy() { awk '/^cpu /{ print ($2 + $3 + $4 + $7 + $8) * 10 }' /proc/stat; }
    started() { awk '/^processes/{ print $2 }' /proc/stat; }
    settled() { [ -z "$udevd" ] || udevadm settle; }
    milliseconds() { echo $(($(date +%s%N) / 1000000)); }
    clean() { ip link delete group 20905 2> /dev/null || true; rm -f /srv/log; settled; }
    measure() { local name=$1; shift
      clean; sleep 4
      ip link add warm0 type bridge; ip link delete warm0; settled
      local cpu=$(udevd_cpu) lines=0 start=$(milliseconds) before=$(busy) processes=$(started)
      [ -z "$udevd" ] || lines=$(wc -l < /srv/udevd.log)
      slapos -q --log-format json --log-file /srv/log node format --now --cfg /srv/slapos.cfg "$@" 2> /dev/null
      local end=$(milliseconds)
      settled
      echo "$name/settled $(($(milliseconds) - end))"
      echo "$name/machine-cpu $(($(busy) - before))"
      echo "$name/processes $(($(started) - processes))"
      echo "$name/whole $((end - start))"
      sleep 4
      echo "$name/udevd-cpu $(($(udevd_cpu) - cpu))"
      [ -z "$udevd" ] || echo "$name/warnings $(($(wc -l < /srv/udevd.log) - lines))"
      node -e '
        const lines = require("fs").readFileSync("/srv/log", "utf8").trim().split("\\n").map(JSON.parse);
        const at = lines.findIndex((line) => line.facts?.kind === "deviceCreate");
        console.log(process.argv[1] + "/created", Date.parse(lines[at + 1].time) - Date.parse(lines[at].time));' "$name"
    }`;

export function udevScript({ folder, taps, runs }: UdevPlace): string {
  const times = (command: string) => `for i in $(seq ${runs}); do ${command}; done`;
  return `mount -t tmpfs tmpfs /run
    ${prepareNode(taps)} ${MASTER} ${MEASURE}
    udevd=''
    ${times('measure no-udevd')}
    ${startUdevd(folder)}
    ${times('measure default-rules')}
    measure installing --install-udev-rule
    ${times('measure with-rule')}
    kill "$udevd"`;
}
