"""Runs plugins, each in a process and a process group of its own, and tells the node about them.

The node reads one JSON object a line from what was standard error when this program started; what
plugins print goes to standard output.
"""
import errno
import json
import os
import select
import signal
import sys
import time

import node_promise_finder as finder_module
import node_promise_plugin as plugin_module
import node_promise_processes as processes

GRACE_SECONDS = 1.0
# What a plugin may tell about itself: its messages are bounded, so this is one that misbehaves.
MAX_REPORT_BYTES = 256 * 1024
LIBRARIES = ('bundled', 'eggs')
KNOWN_EVENTS = ('cache', 'result', 'broken')


def main(job):
    channel = take_channel()
    prepare(job)
    tell(channel, {'event': 'ready', 'python': sys.version.split()[0]})
    Runner(job, channel).run()


def take_channel():
    channel = processes.close_on_exec(os.dup(2))
    sys.stdout.flush()
    os.dup2(1, 2)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return channel


def tell(channel, report):
    line = (json.dumps(report) + '\n').encode('ascii')
    while line:
        line = line[os.write(channel, line):]


def prepare(job):
    programs = dict((each['serves'], compile(each['text'], each['path'], 'exec', 0, True))
                    for each in job['served'])
    stand_in = programs.pop('zope.interface')
    job['finder'] = finder_module.Finder(programs, (plugin_module.LIBRARY,))
    job['lastResort'] = finder_module.LastResort(stand_in)
    tidy_plugin_folder(job['pluginFolder'])
    for plugin in job['plugins']:
        plugin['pathList'] = plugin_module.read_path_list(plugin['path'])
    preset = find_path_list(job)
    for plugin in job['plugins']:
        if plugin['pathList'] is None:
            plugin['pathList'] = preset


def find_path_list(job):
    """For a plugin written by hand: the eggs of the first one that was generated."""
    for name in sorted(os.listdir(job['pluginFolder'])):
        if not name.endswith('.py') or name.startswith('__init__'):
            continue
        path_list = plugin_module.read_path_list(os.path.join(job['pluginFolder'], name))
        if path_list is not None:
            return path_list
    return []


def tidy_plugin_folder(folder):
    """An empty `__init__.py`, and no compiled file without its source."""
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        os.close(os.open(os.path.join(folder, '__init__.py'), flags, 0o644))
    except OSError:
        pass
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name.endswith(('.pyc', '.pyo')) and not os.path.exists(path[:-1]):
            try:
                os.unlink(path)
            except OSError:
                pass


class Child(object):
    """The process of one plugin."""

    def __init__(self, plugin, library, attempts, pid, pipe):
        self.plugin = plugin
        self.library = library
        self.attempts = attempts  # libraries to try when this one does not suit
        self.pid = pid
        self.pipe = pipe
        self.started = time.time()
        self.deadline = None
        self.is_timed_out = False
        self.family = {}
        self.buffer = b''
        self.byte_count = 0
        self.reports = []
        self.is_open = True
        self.status = None
        self.seconds = 0.0

    def read(self):
        try:
            data = os.read(self.pipe, 65536)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EINTR):
                return False
            data = b''
        if not data:
            self.is_open = False
            return False
        self.byte_count += len(data)
        if self.byte_count <= MAX_REPORT_BYTES:
            self.buffer += data
        return True

    def take_reports(self):
        lines = self.buffer.split(b'\n')
        self.buffer = lines.pop()
        for line in lines:
            try:
                report = json.loads(line.decode('ascii'))
                if report['event'] in KNOWN_EVENTS:
                    yield report
            except Exception:
                continue  # a plugin wrote to a descriptor that is not its own


class Runner(object):
    """Starts what is due, at most `parallel` at a time, and hears and limits it."""

    def __init__(self, job, channel):
        self.job = job
        self.channel = channel
        self.waiting = [(plugin, order_libraries(plugin)) for plugin in job['plugins']]
        self.running = []
        self.deadline = time.time() + job['totalSeconds']
        self.pid = os.getpid()
        self.wake, wake_end = processes.open_pipe()
        processes.set_nonblocking(wake_end)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.siginterrupt(signal.SIGCHLD, False)
        signal.set_wakeup_fd(wake_end)
        self.wake_end = wake_end

    def run(self):
        while self.waiting or self.running:
            if time.time() >= self.deadline:
                self.give_up()
            while self.waiting and len(self.running) < self.job['parallel']:
                plugin, libraries = self.waiting.pop(0)
                tell(self.channel, {'event': 'start', 'name': plugin['name']})
                self.start(plugin, libraries)
            if self.running:
                self.wait()
            for child in list(self.running):
                self.look_at(child)

    def give_up(self):
        """What has not begun by now is not begun."""
        for plugin, libraries in self.waiting:
            tell(self.channel, {'event': 'end', 'name': plugin['name'], 'library': libraries[0],
                                'outcome': 'timeout', 'seconds': 0.0})
        self.waiting = []

    def start(self, plugin, libraries):
        reader, writer = processes.open_pipe()
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            self.be_child(plugin, libraries[0], reader, writer)
        processes.make_group_leader(pid)
        os.close(writer)
        processes.set_nonblocking(reader)
        child = Child(plugin, libraries[0], libraries[1:], pid, reader)
        child.deadline = child.started + self.job['timeoutSeconds']
        self.running.append(child)

    def be_child(self, plugin, library, reader, writer):
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            processes.make_group_leader(0)
            processes.tie_to_parent(self.pid)
            for fd in [reader, self.channel, self.wake, self.wake_end]:
                os.close(fd)
            for sibling in self.running:
                os.close(sibling.pipe)
            plugin_module.run_plugin(
                self.job, plugin, library, lambda report: tell(writer, report))
            status = 0
        except SystemExit:
            pass
        except BaseException:
            plugin_module.traceback.print_exc()
        finally:
            processes.leave(status)

    def wait(self):
        """Until a process tells something or ends, or a time is up."""
        now = time.time()
        pause = max(0.0, min(child.deadline for child in self.running) - now)
        pipes = [child.pipe for child in self.running if child.is_open]
        try:
            ready = select.select(pipes + [self.wake], [], [], min(pause, 1.0))[0]
        except (OSError, select.error):
            return
        if self.wake in ready:
            os.read(self.wake, 4096)

    def look_at(self, child):
        if child.is_open:
            self.read(child)
        if child.status is None and os.waitpid(child.pid, os.WNOHANG)[0] != 0:
            child.status = 0
            child.seconds = time.time() - child.started
        if child.status is not None:
            self.finish(child)
        elif time.time() >= child.deadline:
            self.press(child)

    def read(self, child):
        # What a plugin says last may still be in the pipe when it has ended.
        while child.is_open and child.read():
            if child.byte_count > MAX_REPORT_BYTES * 4:
                child.is_open = False
        for report in child.take_reports():
            if report['event'] == 'cache':
                self.pass_on(child, report)
            child.reports.append(report)

    def press(self, child):
        """A signal that can be caught at first, one that cannot after a while."""
        if not child.is_timed_out:
            child.is_timed_out = True
            child.family = processes.list_descendants([child.pid])
            processes.signal_group(child.pid, signal.SIGTERM)
            child.deadline = time.time() + GRACE_SECONDS
        else:
            processes.kill_tree(child.pid, child.family)
            child.deadline = time.time() + GRACE_SECONDS

    def finish(self, child):
        if child.is_open:
            self.read(child)
        os.close(child.pipe)
        self.running.remove(child)
        if child.is_timed_out:
            processes.kill_rest(child.pid, child.family)
        broken = [each for each in child.reports if each['event'] == 'broken']
        if broken and broken[0].get('mayBeLibrary') and child.attempts and not child.is_timed_out:
            self.start(child.plugin, child.attempts)
            return
        for report in child.reports:
            if report['event'] != 'cache':
                self.pass_on(child, report)
        tell(self.channel, {
            'event': 'end', 'name': child.plugin['name'], 'library': child.library,
            'outcome': 'timeout' if child.is_timed_out else 'done', 'seconds': child.seconds})

    def pass_on(self, child, report):
        tell(self.channel, dict(report, name=child.plugin['name']))


def order_libraries(plugin):
    return LIBRARIES[::-1] if plugin['needsEggs'] else LIBRARIES
