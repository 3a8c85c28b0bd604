"""Runs many command lines of upstream's `slapos`, each in a child of this process, which has loaded
it: a child starts in milliseconds.

Input: JSON lines {"argv": […], "cwd": …, "env": {…}}. Output, for each, {"status", "stdout", "stderr"}.
"""
import importlib
import json
import os
import pkgutil
import sys
import tempfile
import traceback

import slapos.cli
from slapos.cli.entry import main

for module in pkgutil.iter_modules(slapos.cli.__path__):
  importlib.import_module('slapos.cli.' + module.name)


def become(job, outputs):
  os.chdir(job['cwd'])
  os.environ.clear()
  os.environ.update(job['env'])
  for descriptor, output in enumerate(outputs, 1):
    os.dup2(output.fileno(), descriptor)
  os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
  sys.argv = ['slapos'] + job['argv']
  status = 1
  try:
    status = main(job['argv'])
  except SystemExit as error:
    status = error.code
  except BaseException:
    traceback.print_exc()
  for stream in (sys.stdout, sys.stderr):
    stream.flush()
  os._exit(status if isinstance(status, int) else 0 if status is None else 1)


for line in sys.stdin:
  job = json.loads(line)
  with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
    child = os.fork()
    if child == 0:
      become(job, (stdout, stderr))
    _, code = os.waitpid(child, 0)
    texts = []
    for output in (stdout, stderr):
      output.seek(0)
      texts.append(output.read().decode('utf-8', 'replace'))
  print(json.dumps({'status': os.waitstatus_to_exitcode(code), 'stdout': texts[0], 'stderr': texts[1]}))
  sys.stdout.flush()
