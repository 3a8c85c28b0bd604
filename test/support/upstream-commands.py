"""Runs upstream's `slapos` once for each command line of standard input, in one process.

Standard input: a JSON list of lists of words. Standard output: a JSON list of
`{status, stderr}`, in the same order.
"""
import contextlib
import io
import json
import sys
import warnings

from slapos.cli.entry import SlapOSApp


def run(words):
  errors = io.StringIO()
  with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
    warnings.simplefilter('always')
    try:
      status = SlapOSApp().run(words)
    except SystemExit as leaving:
      status = leaving.code
  return {'status': int(status or 0), 'stderr': errors.getvalue()}


lines = json.load(sys.stdin)
answers = [run(words) for words in lines]
json.dump(answers, sys.stdout)
