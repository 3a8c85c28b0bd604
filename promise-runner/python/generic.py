"""Served to plugins as slapos.grid.promise.generic: the base class of promises and their results.

The contract of each member is that of upstream; docs/promises.md has it.
"""
import abc
import datetime
import logging
import os
import random
import time
import traceback

import node_promise_log as promise_log

PROMISE_STATE_FOLDER_NAME = '.slapgrid/promise'
PROMISE_RESULT_FOLDER_NAME = '.slapgrid/promise/result'
PROMISE_LOG_FOLDER_NAME = '.slapgrid/promise/log'
PROMISE_CACHE_FOLDER_NAME = '.slapgrid/promise/cache'
PROMISE_PARAMETER_NAME = 'extra_config_dict'
ERROR_LEVEL = promise_log.FAILURE_LEVELS
LINE_FORMAT = '%(asctime)s - %(levelname)s - {} - %(message)s'
RESULT_DATE_FORMAT = '%Y-%m-%dT%H:%M:%S+0000'
MISSING = object()
NO_MODE_LEFT = "It's not allowed to disable both Test and Anomaly in promise!"


def utc_now():
    return datetime.datetime(*time.gmtime()[:6])


def describe(error):
    try:
        return str(error)
    except UnicodeError:  # Python 2, and a text that is not ASCII
        return error.args[0].encode('utf-8')


class PromiseError(Exception):
    """A promise is not kept."""


class BaseResult(object):
    """What a promise came to; `date` is naive UTC."""

    def __init__(self, problem=False, message=None, date=None):
        self.__problem = problem
        self.__message = message
        self.__date = utc_now() if date is None else date

    def hasFailed(self):
        return self.__problem

    @staticmethod
    def type():
        return 'Base Result'

    @property
    def message(self):
        return self.__message

    @property
    def date(self):
        return self.__date


class TestResult(BaseResult):
    @staticmethod
    def type():
        return 'Test Result'


class AnomalyResult(BaseResult):
    @staticmethod
    def type():
        return 'Anomaly Result'


class EmptyResult(BaseResult):
    """The promise does not take part in this mode."""

    def __init__(self):
        BaseResult.__init__(self)

    @staticmethod
    def type():
        return 'Empty Result'


RESULT_CLASSES = (EmptyResult, TestResult, AnomalyResult)


class PromiseQueueResult(object):
    """A result with the promise that it is of, as plugins put it in the queue."""

    def __init__(self, path=None, name=None, title=None, item=None, execution_time=0):
        self.path = path
        self.name = name
        self.title = title
        self.item = item
        self.execution_time = execution_time

    def serialize(self):
        return {
            'title': self.title,
            'name': self.name,
            'path': self.path,
            'execution-time': self.execution_time,
            'result': {
                'type': self.item.type(),
                'failed': self.item.hasFailed(),
                'date': self.item.date.strftime(RESULT_DATE_FORMAT),
                'message': self.item.message,
            },
        }

    def load(self, data):
        result = data['result']
        for result_class in RESULT_CLASSES[1:]:
            if result_class.type() == result['type']:
                date = datetime.datetime.strptime(result['date'], RESULT_DATE_FORMAT)
                self.item = result_class(result['failed'], result['message'], date)
                break
        else:
            raise ValueError('Unknown result type: %r' % (result['type'],))
        self.title = data['title']
        self.name = data['name']
        self.path = data['path']
        self.execution_time = data['execution-time']


class LogHandler(logging.Handler):
    """Appends to the log, whatever bytes a message is made of."""

    def __init__(self, path):
        logging.Handler.__init__(self)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, 'O_CLOEXEC', 0)
        self.__fd = os.open(path, flags, 0o644)

    def emit(self, record):
        try:
            line = self.format(record) + '\n'
            if not isinstance(line, bytes):
                line = line.encode('utf-8', 'replace')
            while line:
                line = line[os.write(self.__fd, line):]
        except Exception:
            self.handleError(record)


class MemoryHandler(logging.Handler):
    """Keeps the lines of a promise that has no log folder."""

    def __init__(self):
        logging.Handler.__init__(self)
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))

    def read(self):
        text = '\n'.join(self.lines)
        return text if not isinstance(text, bytes) else text.decode('utf-8', 'replace')


def to_boolean(value):
    text = str(value).lower()
    if text not in ('true', 'false'):
        raise ValueError('%r is neither true nor false' % (value,))
    return text == 'true'


class GenericPromise(abc.ABCMeta('PromiseBase', (object,), {})):
    """Base class of all plugins."""

    def __init__(self, config):
        self.__log_folder = config.pop('log-folder', None)
        self.__partition_folder = config.pop('partition-folder', None)
        self.__debug = config.pop('debug', True)
        self.__name = config.pop('name', None)
        self.__path = config.pop('path', None)
        self.__queue = config.pop('queue', None)
        self.__periodicity = None
        self.__is_tested = True
        self.__is_anomaly_detected = True
        self.__is_bang_allowed = to_boolean(config.pop('bang-on-failure', True))
        self.setPeriodicity(float_or_int(config.pop('periodicity', 2)))
        self.__check()
        self.__title = os.path.splitext(self.__name)[0]
        self.__log_file = None
        if self.__log_folder is not None:
            self.__log_file = os.path.join(self.__log_folder, self.__title + '.log')
        self.__config = config
        self.__transaction = '%d-%d' % (int(time.time()), random.randint(100, 999))
        self.__configure_logger()

    def __check(self):
        for name, value in (('queue', self.__queue), ('name', self.__name), ('path', self.__path),
                            ('partition-folder', self.__partition_folder)):
            if value is None:
                raise ValueError('A promise needs %s in its configuration' % name)

    def __configure_logger(self):
        self.logger = logging.getLogger(self.__name)
        for handler in list(self.logger.handlers):
            self.logger.removeHandler(handler)
        handler = MemoryHandler() if self.__log_file is None else LogHandler(self.__log_file)
        line_format = LINE_FORMAT.format(self.__transaction)
        handler.setFormatter(logging.Formatter(line_format, promise_log.DATE_FORMAT))
        self.logger.addHandler(handler)
        self.logger.setLevel(logging.DEBUG if self.__debug else logging.INFO)
        self.__handler = handler

    def getConfig(self, key, default=None):
        return self.__config.get(key, default)

    def setConfig(self, key, value):
        self.__config[key] = value

    def getTitle(self):
        return self.__title

    def getName(self):
        return self.__name

    def getLogFile(self):
        return self.__log_file

    def getLogFolder(self):
        return self.__log_folder

    def getPartitionFolder(self):
        return self.__partition_folder

    def getPromiseFile(self):
        return self.__path

    def setPeriodicity(self, minute):
        if minute <= 0:
            raise ValueError('Cannot set promise periodicity to a value less than or equal to 0')
        self.__periodicity = minute

    def getPeriodicity(self):
        return self.__periodicity

    def setTestLess(self):
        self.__is_tested = False

    def isTested(self):
        return self.__is_tested

    def setAnomalyLess(self):
        self.__is_anomaly_detected = False

    def isAnomalyDetected(self):
        return self.__is_anomaly_detected

    def allowBang(self, allow=True):
        self.__is_bang_allowed = allow

    def getLastPromiseResultList(self, latest_minute=0, result_count=1, only_failure=False):
        if not only_failure:
            return self.__read_runs(result_count, latest_minute)
        runs = self.__read_runs(result_count + 1, latest_minute)
        found = [[line for line in run if line['status'] in ERROR_LEVEL]
                 for run in runs[:result_count]]
        # As upstream: the first run of a log is left out when it did not fail, others are empty.
        is_whole = len(runs) <= result_count
        return found[:-1] if is_whole and found and not found[-1] else found

    def __read_runs(self, result_count, latest_minute):
        not_before = None
        if latest_minute:
            not_before = datetime.datetime.now() - datetime.timedelta(minutes=latest_minute)
        if self.__log_file is None:
            return promise_log.select_runs(
                promise_log.parse_runs(self.__handler.read()), result_count, not_before)[0]
        streams = promise_log.open_log(self.__log_file)
        try:
            return promise_log.read_runs(streams, result_count, not_before)
        finally:
            for stream in streams:
                stream.close()

    def __judge(self, result_class, result_count, failure_amount, latest_minute):
        runs = self.__read_runs(result_count, latest_minute)
        if not runs:
            return result_class(False, 'No result found!')
        failures = [promise_log.has_failed(run) for run in runs]
        has_problem = failures[0] and sum(failures) >= failure_amount
        return result_class(has_problem, promise_log.join_messages(runs[0]))

    def _test(self, result_count=1, failure_amount=1, latest_minute=0):
        return self.__judge(TestResult, result_count, failure_amount, latest_minute)

    def _anomaly(self, result_count=1, failure_amount=1, latest_minute=0):
        return self.__judge(AnomalyResult, result_count, failure_amount, latest_minute)

    @abc.abstractmethod
    def sense(self):
        """Looks at the service and logs what it finds."""

    def test(self):
        return self._test(result_count=1, failure_amount=1)

    def anomaly(self):
        return self._anomaly(result_count=1, failure_amount=1)

    def run(self, check_anomaly=False, can_bang=True):
        """Checks once and puts the result in the queue; the node bangs afterwards."""
        result = self.__check_once(check_anomaly)
        if (can_bang and check_anomaly and self.__is_bang_allowed and result.hasFailed() and
                result.type() == AnomalyResult.type()):
            self.__bang('Promise %s is failing' % self.__title)
        self.__queue.put_nowait(
            PromiseQueueResult(self.__path, self.__name, self.__title, result))

    def __check_once(self, check_anomaly):
        result_class = AnomalyResult if check_anomaly else TestResult
        if not self.__is_tested and not self.__is_anomaly_detected:
            return result_class(True, NO_MODE_LEFT)
        if not (self.__is_anomaly_detected if check_anomaly else self.__is_tested):
            return EmptyResult()
        try:
            self.sense()
        except Exception as error:
            self.logger.error(describe(error))
        name = 'anomaly' if check_anomaly else 'test'
        try:
            result = self.anomaly() if check_anomaly else self.test()
        except Exception as error:
            traceback.print_exc()
            return result_class(True, describe(error))
        if result is None:
            return result_class(True, "Promise %s method returned 'None'" % name)
        return result

    def __bang(self, message):
        """The runner puts something here that tells the node."""


def float_or_int(value):
    """Recipes give numbers as text."""
    return value if isinstance(value, (int, float)) else float(value)
