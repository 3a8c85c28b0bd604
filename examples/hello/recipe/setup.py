"""Entry point of `setup.py develop`, which zc.buildout up to version 4 runs."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import develop

develop.write_egg_link(sys.argv[1:])
