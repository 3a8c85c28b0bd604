"""Served to plugins as slapos.grid.promise."""
from slapos.grid.promise import generic, interface
from slapos.grid.promise.generic import (
    ERROR_LEVEL,
    PROMISE_CACHE_FOLDER_NAME,
    PROMISE_LOG_FOLDER_NAME,
    PROMISE_PARAMETER_NAME,
    PROMISE_RESULT_FOLDER_NAME,
    PROMISE_STATE_FOLDER_NAME,
    AnomalyResult,
    BaseResult,
    EmptyResult,
    GenericPromise,
    PromiseError,
    PromiseQueueResult,
    TestResult,
)


class PromiseLauncher(object):
    """Plugins are launched by the node; the class is here because modules import its name."""

    def __init__(self, *args, **keywords):
        raise PromiseError('A promise cannot launch promises: use `slapos node promise`.')
