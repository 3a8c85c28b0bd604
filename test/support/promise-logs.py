"""Reads random logs of promises with our library and with that of slapos.core.

Arguments: the folder of our runner and a seed. Prints what differs.
"""
import datetime
import logging
import os
import random
import shutil
import sys
import tempfile
import types

import slapos.grid.promise.generic as theirs

MESSAGES = ('one', 'two\nthree', 'a\n\nb', '', '  lead', ' tail ', 'x - y', '\xe9', '- dash', '\n\ntop',
            'end\n', 'x\n   indented \ny', '\n   deep', 't\t\n\tq')
LEVELS = ('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL')


def load(folder, file_name, name):
    path = os.path.join(folder, file_name)
    module = sys.modules[name] = types.ModuleType(name)
    with open(path) as stream:
        exec(compile(stream.read(), path, 'exec'), module.__dict__)
    return module


class Queue(object):
    def put_nowait(self, result):
        pass


def open_promise(library, folder):
    class Promise(library.GenericPromise):
        def sense(self):
            pass
    promise = Promise({'queue': Queue(), 'name': 'x.py', 'path': '/x.py',
                       'partition-folder': folder, 'log-folder': folder})
    logging.getLogger('x.py').handlers = []
    return promise


def render_log():
    at = datetime.datetime.now() - datetime.timedelta(minutes=random.choice((1, 10, 60)))
    lines = ['garbage before\n'] if random.random() < 0.3 else []
    for _ in range(random.randint(0, 6)):
        transaction = '%d-%03d' % (int(at.timestamp()), random.randint(100, 999))
        for _ in range(random.randint(1, 3)):
            lines.append('%s - %s - %s - %s\n' % (
                at.strftime('%Y-%m-%d %H:%M:%S'), random.choice(LEVELS), transaction,
                random.choice(MESSAGES)))
        at += datetime.timedelta(seconds=random.randint(1, 120))
    return ''.join(lines)


def answers(promise):
    for minutes in (0, 1, 5, 60):
        for count in (1, 2, 3, 10):
            for only_failure in (False, True):
                yield (minutes, count, only_failure), promise.getLastPromiseResultList(
                    latest_minute=minutes, result_count=count, only_failure=only_failure)
            for amount in (1, 2, 3):
                result = promise._test(count, amount, minutes)
                yield (minutes, count, amount), (result.hasFailed(), result.message)


def main():
    load(sys.argv[1], 'promise_log.py', 'node_promise_log')
    ours = load(sys.argv[1], 'generic.py', 'our_generic')
    random.seed(int(sys.argv[2]))
    folder = tempfile.mkdtemp()
    try:
        for _ in range(40):
            text = render_log()
            with open(os.path.join(folder, 'x.log'), 'w', encoding='utf-8') as stream:
                stream.write(text)
            pair = [open_promise(library, folder) for library in (theirs, ours)]
            for (question, expected), (_, given) in zip(answers(pair[0]), answers(pair[1])):
                if expected != given:
                    print(question, expected, given, repr(text))
                    return
    finally:
        shutil.rmtree(folder)


main()
