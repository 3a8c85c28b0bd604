#!/bin/bash
# What systemd-udevd adds to 200 new taps, with and without the rule of --install-udev-rule.
#   scripts/in-namespace.sh bash bench/udev.sh FOLDER [RUNS]
# FOLDER holds the unpacked packages of Debian's udevd (nothing is installed on the host):
#   cd FOLDER && apt-get download udev systemd libsystemd-shared libkmod2 &&
#     for p in *.deb; do dpkg-deb -x "$p" .; done
set -euo pipefail
[ "${SLAPOS_TEST_NAMESPACE:-}" = 1 ] || { echo "run it by scripts/in-namespace.sh" >&2; exit 125; }
folder=$(realpath "$1") runs=${2:-3}
mount -t tmpfs tmpfs /run
mkdir -p /run/udev /etc/udev/rules.d
# Seen in this namespace only, so that the programs which the rules start find their libraries.
mount -t overlay overlay -o "lowerdir=$folder/usr/lib:$folder/lib:/usr/lib" /usr/lib
export LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu/systemd
bash -c 'exec -a systemd-udevd "$0"' "$folder/bin/udevadm" > /srv/udevd.log 2>&1 &
unset LD_LIBRARY_PATH
/lib/systemd/systemd-sysctl --prefix=/net/ipv4/conf/lo
ip link add br0 type bridge
ip link set br0 up
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
partition_amount = 200
computer_xml = /srv/slapos.xml
ipv4_local_network = 10.0.0.0/16
log_file = /srv/format.log
CFG
touch /srv/master
node "$SLAPOS_PACKAGE/test/support/quiet-master.mjs" 5000 > /srv/master &
until grep -q ready /srv/master; do sleep 0.05; done
milliseconds() { date -d "${1/,/.}" +%s%3N; }
stamp() { grep "$1" /srv/format.log | tail -1 | sed 's/^\[\([^]]*\)\].*/\1/'; }
busy() { awk '/^cpu /{ print ($2 + $3 + $4 + $7 + $8) * 10 }' /proc/stat; }
run() {
  ip link delete group 20905 2> /dev/null || true
  sleep 4 # until udevd is idle, and looks at its rules again with the next event
  local before; before=$(busy)
  "$SLAPOS_PACKAGE/bin/slapos" -q node format --now --cfg /srv/slapos.cfg "${@:2}" 2> /dev/null
  sleep 1
  local created=$(($(milliseconds "$(stamp 'links to set up')") - $(milliseconds "$(stamp 'tun devices')")))
  echo "$1: 200 taps created in $created ms, machine busy for $(($(busy) - before)) ms"
}
for _ in $(seq "$runs"); do run 'without the rule'; done
run 'installing it' --install-udev-rule
for _ in $(seq "$runs"); do run 'with the rule'; done
