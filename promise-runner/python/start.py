# Reads one JSON object from standard input, loads the modules of the runner from it and runs them.
#
# The node hands this text to `python -c`, and the other modules through standard input, because the
# user of a partition may have no right to read the folder in which the node is installed.
# Python 2.7 and 3.5+, standard library only, as everything in this folder.
import sys

sys.path[:] = [entry for entry in sys.path if entry]  # not the working directory: it is a partition

import json
import os
import types

EXIT_USAGE = 64  # sysexits.h; never 1 or 2, which mean something else to those who read exit statuses


def read_input():
    chunks = []
    while True:
        chunk = os.read(0, 65536)
        if not chunk:
            return b''.join(chunks)
        chunks.append(chunk)


def native(value):
    """Text as the `str` of this Python, in lists and objects too."""
    if isinstance(value, dict):
        return dict((native(key), native(item)) for key, item in value.items())
    if isinstance(value, list):
        return [native(item) for item in value]
    if str is bytes and not isinstance(value, (bytes, bool, int, float, type(None))):
        return value.encode('utf-8')
    return value


def load(name, program):
    module = types.ModuleType(name)
    module.__file__ = program['path']
    sys.modules[name] = module
    code = compile(program['text'], program['path'], 'exec', 0, True)
    exec(code, module.__dict__)
    return module


def main():
    try:
        job = native(json.loads(read_input().decode('utf-8')))
        runner = [load(each['name'], each) for each in job['modules']][-1]
    except Exception as error:
        sys.stderr.write('the promise runner got a job that it cannot read: %r\n' % (error,))
        sys.exit(EXIT_USAGE)
    runner.main(job)


main()
