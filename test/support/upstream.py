"""Runs upstream's `slapos`, or a script that uses upstream's packages when its path is given first.

Upstream's node asks importlib.resources for the files beside a module, which Python takes since
3.12; before, only packages.
"""
import importlib.resources
import runpy
import sys

if sys.version_info < (3, 12):
  files = importlib.resources.files

  def files_beside(anchor):
    module = sys.modules.get(anchor) if isinstance(anchor, str) else anchor
    return files(anchor if module is None or hasattr(module, '__path__') else module.__spec__.parent)

  importlib.resources.files = files_beside

if len(sys.argv) > 1 and sys.argv[1].endswith('.py'):
  del sys.argv[0]
  runpy.run_path(sys.argv[0], run_name='__main__')
else:
  from slapos.cli.entry import main

  sys.argv[0] = 'slapos'
  sys.exit(main())
