"""Serves our slapos.grid.promise to plugins, with everything else of slapos from their eggs.

It stays in sys.meta_path when a plugin empties every name with `slapos` from sys.modules. Both
protocols are here: find_module of Python 2 and find_spec of Python 3.
"""
import os
import sys

# Folders of these names in several eggs are one package.
MERGED = ('slapos', 'slapos.grid', 'zope')


class Finder(object):
    """`programs`: code objects by the name of the module that they make; `packages`: which of these
    are packages."""

    def __init__(self, programs, packages):
        self.__programs = programs
        self.__packages = packages

    def owns(self, name):
        return name in self.__programs or (name in MERGED and self.is_package(name))

    def is_package(self, name):
        if name in MERGED and name not in self.__programs:
            # Without a folder of that name the import fails as it always does.
            return name.startswith('slapos') or bool(merged_path(name))
        return name in self.__packages

    def path_of(self, name):
        return [] if name in self.__programs else merged_path(name)

    def execute(self, name, module):
        program = self.__programs.get(name)
        if program is not None:
            exec(program, module.__dict__)

    def find_spec(self, name, path=None, target=None):
        if not self.owns(name):
            return None
        from importlib.machinery import ModuleSpec
        is_package = self.is_package(name)
        spec = ModuleSpec(name, Loader(self, name), is_package=is_package)
        if is_package:
            spec.submodule_search_locations = self.path_of(name)
        return spec

    def find_module(self, name, path=None):
        return Loader(self, name) if self.owns(name) else None


class Loader(object):
    def __init__(self, finder, name):
        self.__finder = finder
        self.__name = name

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        self.__finder.execute(self.__name, module)

    def load_module(self, name):
        if name in sys.modules:
            return sys.modules[name]
        module = sys.modules[name] = type(sys)(name)
        module.__loader__ = self
        is_package = self.__finder.is_package(name)
        module.__package__ = name if is_package else name.rpartition('.')[0]
        if is_package:
            module.__path__ = self.__finder.path_of(name)
        try:
            self.__finder.execute(name, module)
        except BaseException:
            sys.modules.pop(name, None)
            raise
        return module


def merged_path(name):
    """`<entry>/slapos/grid` of every entry of sys.path that has one; an egg may be an archive."""
    found = []
    for entry in sys.path:
        folder = os.path.join(entry, *name.split('.'))
        if os.path.isdir(folder) or os.path.isfile(entry):
            found.append(folder)
    return found


class LastResort(object):
    """Serves the stand-in for zope.interface where the eggs have none; last in sys.meta_path."""

    def __init__(self, program):
        self.__finder = Finder({'zope': None, 'zope.interface': program}, ('zope', 'zope.interface'))

    def find_spec(self, name, path=None, target=None):
        return self.__finder.find_spec(name) if self.__serves(name) else None

    def find_module(self, name, path=None):
        return self.__finder.find_module(name) if self.__serves(name) else None

    def __serves(self, name):
        return name in ('zope', 'zope.interface')
