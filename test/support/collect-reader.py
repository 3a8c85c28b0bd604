"""Reads a node's collector.db as the promises of slapos.toolbox do: another user, plain sqlite3.

Prints JSON: the rows of every table, and for each process of table user what /proc says of it now.
"""
import json
import os
import sqlite3
import sys

HZ = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def read(path):
    with open(path, "rb") as stream:
        return stream.read().decode("latin-1")


def boot_time():
    for line in read("/proc/stat").splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])


def observe(pid):
    """The values of one process by the formulas of the contract, apart from cpu_percent."""
    fields = read("/proc/%d/stat" % pid).rpartition(")")[2].split()
    ticks = [float(fields[number - 3]) for number in (14, 15, 16, 17, 42)]
    status = dict(line.split(":", 1) for line in read("/proc/%d/status" % pid).splitlines())
    return {
        "process": "%d-%s" % (pid, float(fields[22 - 3]) / HZ + boot_time()),
        "uid": int(status["Uid"].split()[0]),
        "cpu_time": sum(ticks) / HZ,
        "cpu_num_threads": float(status["Threads"]),
        "memory_rss": float(int(read("/proc/%d/statm" % pid).split()[1]) * PAGE),
    }


def main(path):
    connection = sqlite3.connect(path, timeout=15)
    names = [row[0] for row in connection.execute(
        "select name from sqlite_master where type='table' order by rowid")]
    connection.row_factory = sqlite3.Row
    tables = {name: [dict(row) for row in connection.execute("select * from " + name)]
              for name in names}
    live = {}
    for row in tables["user"]:
        try:
            live[str(int(row["pid"]))] = observe(int(row["pid"]))
        except (FileNotFoundError, ProcessLookupError):
            pass
    mount = os.statvfs(tables["disk"][0]["mountpoint"]) if tables["disk"] else None
    json.dump({
        "reader": os.getuid(),
        "names": names,
        "tables": tables,
        "live": live,
        "disk_total": mount and mount.f_blocks * mount.f_frsize,
        "cores": os.cpu_count(),
    }, sys.stdout)


main(sys.argv[1])
