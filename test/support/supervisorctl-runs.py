"""Runs the stock supervisorctl again and again in forks, so that it is imported once.

Reads JSON lines {"args": [...], "input": "..."} and answers {"status", "stdout", "stderr"}.
"""
import json
import os
import sys
import tempfile
import traceback

from supervisor import supervisorctl


def run_child(args, files):
    for number, file in enumerate(files):
        os.dup2(file.fileno(), number)
    sys.stdin = open(0)
    sys.stdout = open(1, 'w')
    sys.stderr = open(2, 'w')
    sys.argv = ['supervisorctl'] + args
    status = 0
    try:
        supervisorctl.main(args)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def run(request):
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(request.get('input', '').encode())
        given.flush()
        given.seek(0)
        pid = os.fork()
        if pid == 0:
            run_child(request['args'], (given, out, err))
        _, status = os.waitpid(pid, 0)
        out.seek(0)
        err.seek(0)
        return {
            'status': os.waitstatus_to_exitcode(status),
            'stdout': out.read().decode('utf-8', 'replace'),
            'stderr': err.read().decode('utf-8', 'replace'),
        }


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
