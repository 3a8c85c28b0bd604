"""One plugin: found, checked, constructed and run, in a process of its own."""
import ast
import json
import os
import re
import sys
import time
import traceback
import types

RESERVED = frozenset((
    'path', 'name', 'log-folder', 'partition-folder', 'debug', 'promise-timeout', 'master-url',
    'partition-cert', 'partition-key', 'partition-id', 'computer-id', 'queue', 'slapgrid-version'))
MESSAGE_LIMIT = 5000
LIBRARY = 'slapos.grid.promise'


class PluginError(Exception):
    """A plugin breaks the rules for plugins."""


class Queue(object):
    """Takes what the promise found."""

    def __init__(self):
        self.results = []

    def put_nowait(self, result):
        self.results.append(result)

    put = put_nowait


def read_path_list(path):
    """The list that a generated plugin puts before sys.path by its first assignment, or None.

    Nothing is run; a file that cannot be read or parsed has none.
    """
    try:
        with open(path, 'rb') as stream:
            tree = compile(stream.read(), path, 'exec', ast.PyCF_ONLY_AST, True)
        statement = next(each for each in tree.body if isinstance(each, ast.Assign))
        target = statement.targets[0]
        if not isinstance(target, ast.Subscript) or not is_sys_path(target.value):
            return None
        entries = ast.literal_eval(statement.value)
        return [each for each in entries if isinstance(each, str)]
    except Exception:
        return None


def is_sys_path(node):
    return (isinstance(node, ast.Attribute) and node.attr == 'path' and
            isinstance(node.value, ast.Name) and node.value.id == 'sys')


def forget_library():
    for name in list(sys.modules):
        if 'slapos' in name or 'pkg_resources' in name:
            del sys.modules[name]


def import_plugin(name, path):
    """The module of a plugin, from its file as it is now."""
    module_name = name[:-len('.py')]
    if not re.match('[a-zA-Z_]', name):
        raise PluginError("Promise plugin name '%s' is not valid" % name)
    if '.' in module_name:
        raise PluginError("Promise plugin name '%s' is that of no module: it has a dot" % name)
    with open(path, 'rb') as stream:
        code = compile(stream.read(), path, 'exec', 0, True)
    # No name that can be imported: a plugin may be called like a module that others need.
    module = types.ModuleType('promise plugin %s' % module_name)
    module.__file__ = path
    sys.modules[module.__name__] = module
    exec(code, module.__dict__)
    return module


def check_class(module, name):
    """`RunPromise`, held against the library as it can be imported now: a plugin may have loaded it
    anew."""
    promise_class = getattr(module, 'RunPromise', None)
    if promise_class is None:
        raise PluginError('Class RunPromise not found in promise%s' % name)
    __import__(LIBRARY)
    library = sys.modules[LIBRARY]
    if not library.interface.IPromise.implementedBy(promise_class):
        raise PluginError(
            "RunPromise class in %s must implement 'IPromise' interface. "
            '@implementer(interface.IPromise) is missing ?' % name)
    if not issubclass(promise_class, library.GenericPromise):
        raise PluginError('RunPromise class is not a subclass of GenericPromise class.')
    return promise_class


def read_extra_config(module):
    extra = getattr(module, 'extra_config_dict', {})
    if not isinstance(extra, dict):
        raise PluginError('extra_config_dict is not a dictionary: %r' % (extra,))
    for key in extra:
        if key in RESERVED:
            raise PluginError("Extra parameter name '%s' cannot be used.\n%r" % (key, extra))
    return extra


def open_promise(job, plugin, library):
    """Loads a plugin and constructs its promise.

    `library`: `bundled` for ours, `eggs` for the one among the eggs of the software.
    """
    forget_library()
    sys.path[0:0] = plugin['pathList']
    sys.path.append(job['pluginFolder'])
    if library == 'bundled':
        sys.meta_path.insert(0, job['finder'])
        sys.meta_path.append(job['lastResort'])
    module = import_plugin(plugin['name'], plugin['path'])
    promise_class = check_class(module, plugin['name'])
    config = dict(job['config'])
    config.update(read_extra_config(module))
    config.update({'path': plugin['path'], 'name': plugin['name'], 'queue': Queue()})
    queue = config['queue']
    return promise_class(config), queue


def render_cache(promise, is_anomaly):
    """The scheduling file, as text: numbers stay as this Python writes them."""
    now = time.time()
    will_run = promise.isAnomalyDetected() if is_anomaly else promise.isTested()
    module = sys.modules.get(type(promise).__module__)
    path = re.sub(r'\.py[co]$', '.py', getattr(module, '__file__', None) or promise.getPromiseFile())
    periodicity = promise.getPeriodicity()
    entries = (
        ('is_tested', bool(promise.isTested())),
        ('is_anomaly_detected', bool(promise.isAnomalyDetected())),
        ('periodicity', periodicity),
        ('next_run_after', now + periodicity * 60 if will_run else now),
        ('timestamp', now),
        ('module_file', path),
        ('module_file_mtime', os.stat(path).st_mtime if os.path.exists(path) else 0.0),
    )
    return '{%s}' % ', '.join('%s: %s' % (json.dumps(key), json.dumps(value))
                              for key, value in entries)


def as_text(message, limit=MESSAGE_LIMIT):
    """A message of any kind as text of bounded length; the end says what went wrong."""
    if message is None:
        return ''
    if isinstance(message, bytes):
        message = message.decode('utf-8', 'replace')
    elif not isinstance(message, type(u'')):
        message = as_text(str(message), limit)
    return message if len(message) <= limit else '...' + message[-limit:]


def as_report(result, banged):
    item = result.item
    return {
        'event': 'result',
        'type': item.type(),
        'failed': bool(item.hasFailed()),
        'message': as_text(item.message),
        'date': item.date.strftime('%Y-%m-%dT%H:%M:%SZ'),
        'wantsBang': bool(banged),
    }


def run_plugin(job, plugin, library, report):
    """Runs a promise to its end; `report` takes what is to be told."""
    try:
        promise, queue = open_promise(job, plugin, library)
    except BaseException as error:
        report(broken_report(error))
        return
    report({'event': 'cache', 'text': render_cache(promise, job['isAnomaly'])})
    banged = []
    # Both libraries bang through a method of this name; the node does it, once for all promises.
    promise._GenericPromise__bang = banged.append
    promise.run(job['isAnomaly'], True)
    for result in queue.results[-1:]:
        report(as_report(result, banged))


def broken_report(error):
    # A library that lacks something shows as one of these.
    is_library = isinstance(error, (ImportError, AttributeError))
    last_line = traceback.format_exception_only(type(error), error)[-1].strip()
    return {'event': 'broken', 'error': as_text(last_line, 400), 'mayBeLibrary': is_library,
            'traceback': as_text(traceback.format_exc().strip(), 4000)}
