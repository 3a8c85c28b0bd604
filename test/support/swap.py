"""Exchanges entries of a partition with links, as fast as it can: swap.py SECONDS PARTITION TARGET."""
import ctypes
import os
import sys
import time

EXCHANGE = 2
AT_FDCWD = -100
seconds, partition, target = float(sys.argv[1]), sys.argv[2], sys.argv[3]
NAMES = ["etc", "var", ".slapgrid", ".slapgrid/log", ".slapgrid/promise", ".timestamp",
         "buildout.cfg", "etc/service", "etc/promise", "var/xml_report", "software_release",
         ".slapos-retention-lock-delay", ".slapos-retention-lock-date", "sbin"]
libc = ctypes.CDLL(None)
os.chdir(partition)
links = []
for index, name in enumerate(NAMES):
    link = ".swap-%d" % index
    links.append(link)
    try:
        os.symlink(target if index % 2 == 0 else target + "/victim", link)
    except FileExistsError:
        pass
end = time.monotonic() + seconds
count = 0
while time.monotonic() < end:
    for link, name in zip(links, NAMES):
        if libc.renameat2(AT_FDCWD, link.encode(), AT_FDCWD, name.encode(), EXCHANGE) == 0:
            count += 1
        elif not os.path.lexists(link):
            # Something removed it: go on with a new one.
            try:
                os.symlink(target, link)
            except OSError:
                pass
print(count)
