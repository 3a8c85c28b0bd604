"""Runs upstream's `slapos`. Its node asks importlib.resources for the files beside a module, which
Python takes since 3.12; before, only packages."""
import importlib.resources
import sys

if sys.version_info < (3, 12):
  files = importlib.resources.files

  def files_beside(anchor):
    module = sys.modules.get(anchor) if isinstance(anchor, str) else anchor
    return files(anchor if module is None or hasattr(module, '__path__') else module.__spec__.parent)

  importlib.resources.files = files_beside

from slapos.cli.entry import main

sys.argv[0] = 'slapos'
sys.exit(main())
