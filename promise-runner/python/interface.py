"""Served to plugins as slapos.grid.promise.interface: what `RunPromise` must implement."""
from zope.interface import Interface


class IPromise(Interface):
    """A check of a partition."""

    def __init__(config):
        """`config`: a dictionary of texts, to be given to the base class first."""

    def sense():
        """Looks at the service and logs what it finds: ERROR or CRITICAL when it is not well."""

    def anomaly():
        """Returns an AnomalyResult: whether a running service is not well."""

    def test():
        """Returns a TestResult: whether a deployment succeeded."""
