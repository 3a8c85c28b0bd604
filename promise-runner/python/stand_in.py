"""Served as zope.interface to plugins whose Python has none: as much as a promise needs."""


class InterfaceClass(type):
    def implementedBy(cls, candidate):
        return any(cls in base.__dict__.get('__promised__', ()) for base in candidate.__mro__)


Interface = InterfaceClass('Interface', (object,), {})


class implementer(object):
    def __init__(self, *interfaces):
        self.interfaces = interfaces

    def __call__(self, candidate):
        candidate.__promised__ = self.interfaces
        return candidate
