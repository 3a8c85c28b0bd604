# What the timers of slapos-node.target do, for a host without systemd or with crontabs of its own:
# copy to /etc/cron.d/slapos-node, and leave slapos-node.target disabled.
SHELL=/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin

* * * * * root slapos node software --maximal_delay=30 --verbose --logfile=/var/log/slapos-node/software.log >/dev/null 2>&1
* * * * * root slapos node instance --maximal_delay=20 --promise-timeout 20 --verbose --logfile=/var/log/slapos-node/instance.log >/dev/null 2>&1
0 0 * * * root slapos node report --maximal_delay=3600 --verbose --logfile=/var/log/slapos-node/report.log >/dev/null 2>&1
0 * * * * root slapos node format --verbose --logfile=/var/log/slapos-node/format.log >/dev/null 2>&1
* * * * * root slapos node collect --logfile=/var/log/slapos-node/collect.log >/dev/null 2>&1
@reboot root slapos node boot --verbose --logfile=/var/log/slapos-node/boot.log >/dev/null 2>&1
