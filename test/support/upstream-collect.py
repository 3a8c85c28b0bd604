"""What upstream's collector and psutil say: run by the interop tests with a Python that has both.

    upstream-collect.py run CFG             upstream's `slapos node collect`
    upstream-collect.py processes PID...    each process as psutil and upstream's snapshot have it, JSON
    upstream-collect.py create FOLDER       makes upstream's database in a new folder
    upstream-collect.py dump CFG FOLDER     dumps the past days of a copy of the database there
    upstream-collect.py report CFG FOLDER   writes upstream's reports of a database into a folder
"""
import datetime
import json
import os
import shutil
import sys


def run(cfg):
    from slapos.cli.entry import main
    sys.exit(main(["node", "collect", "--cfg", cfg]))


def processes(*pids):
    import psutil
    from slapos.collect.snapshot import ProcessSnapshot

    def describe(process):
        snapshot = ProcessSnapshot(process)
        io = process.io_counters()
        times = process.cpu_times()
        return {
            "uid": process.uids().real,
            "process": snapshot.process,
            "user": times.user,
            "system": times.system,
            "childrenUser": times.children_user,
            "childrenSystem": times.children_system,
            "ioWait": times.iowait,
            "cpuTimeS": snapshot.cpu_time,
            "threads": process.num_threads(),
            "rssBytes": process.memory_info().rss,
            "memoryPercent": snapshot.memory_percent,
            "readBytes": io.read_bytes,
            "writeBytes": io.write_bytes,
            "syscr": io.read_count,
            "syscw": io.write_count,
            "rchar": io.read_chars,
            "wchar": io.write_chars,
        }

    json.dump([describe(psutil.Process(int(pid))) for pid in pids], sys.stdout)


def create(folder):
    from slapos.collect.db import Database

    os.makedirs(folder)
    Database(folder, create=True)


def read(cfg):
    from six.moves import configparser

    config = configparser.ConfigParser()
    config.read(cfg)
    return config, os.path.join(config.get("slapos", "instance_root"), "var", "data-log")


def dump(cfg, folder):
    from slapos.collect.db import Database
    from slapos.collect.reporter import RawCSVDumper

    os.makedirs(folder)
    shutil.copy(os.path.join(read(cfg)[1], "collector.db"), folder)
    RawCSVDumper(Database(folder)).dump(folder)


def report(cfg, folder):
    from slapos.collect.db import Database
    from slapos.collect.entity import get_user_list
    from slapos.collect import reporter

    config, data_log = read(cfg)
    database = Database(data_log)
    users = get_user_list(config)
    for user in users.values():
        user.path = os.path.join(folder, user.name)
        os.makedirs(os.path.join(user.path, ".slapgrid"))
    reporter.SystemCSVReporterDumper(database).dump(folder)
    consumption = reporter.ConsumptionReport(
        computer_id=config.get("slapos", "computer_id"),
        user_list=users, database=database, location=folder)
    today = datetime.datetime.utcnow().date()
    for days in (1, 2):
        consumption.buildXMLReport((today - datetime.timedelta(days=days)).strftime("%Y-%m-%d"))
    reporter.PartitionReport(database=database, user_list=users).buildJSONMonitorReport()


{"run": run, "processes": processes, "create": create, "dump": dump, "report": report}[sys.argv[1]](*sys.argv[2:])
