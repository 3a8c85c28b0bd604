"""The log of a promise: read back to judge it on its last runs.

A line is `YYYY-MM-DD HH:MM:SS - LEVEL - <unix seconds>-<3 digits> - message` in local time. The
second to last part is the same for all lines of one run; lines without all this continue the
message before them.
"""
import datetime
import io
import os
import re

DATE_FORMAT = '%Y-%m-%d %H:%M:%S'
FAILURE_LEVELS = ('CRITICAL', 'ERROR')
LINE = re.compile(
    r'(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\s+(?:-\s+)?([A-Za-z]+)[\s-]+(\d+-\d{3})\s*(?:-\s*)?(.*)$')
FIRST_BLOCK = 64 * 1024
# Nobody writes more in the few runs that matter, and a log may hold anything.
MAX_BYTES = 16 * 1024 * 1024


def open_log(path):
    """The log with what was put aside when it grew too large, newest last; missing is fine."""
    streams = []
    for name in (path + '.1', path):
        try:
            streams.append(io.open(name, 'rb'))
        except (IOError, OSError):
            pass
    return streams


def read_tail(stream, size):
    """At most the last `size` bytes, without a first line that is cut.

    Returns the text and whether it is everything.
    """
    stream.seek(0, os.SEEK_END)
    start = max(0, stream.tell() - size)
    stream.seek(start)
    data = stream.read(size)
    if start > 0:
        data = data[data.find(b'\n') + 1:]
    return data.decode('utf-8', 'replace'), start == 0


def parse_runs(text):
    """Runs, oldest first, each a list of [date, level, transaction, message]."""
    runs = []
    by_transaction = {}
    last = None
    for line in text.split('\n'):
        if not line:
            continue  # consumers have never seen empty lines
        match = LINE.match(line)
        if match is None:
            if last is not None:
                last[3] += '\n' + line
            continue
        last = list(match.groups())
        run = by_transaction.get(last[2])
        if run is None:
            run = by_transaction[last[2]] = []
        else:
            runs.remove(run)
        runs.append(run)
        run.append(last)
    return runs


def read_runs(streams, wanted, not_before=None):
    """The last `wanted` runs, newest first: lists of dicts with date, status and message.

    `streams`: the log in parts, the newest one last. `not_before`: a datetime; the first run with
    no line after it ends the list.
    """
    found = []
    for stream in reversed(streams):
        runs, is_complete = select_runs(
            read_stream(stream, wanted - len(found), not_before), wanted - len(found), not_before)
        found.extend(runs)
        if is_complete:
            break
    return found


def select_runs(runs, wanted, not_before):
    """Of runs, oldest first: those that are wanted, newest first, and whether these are all."""
    found = []
    for run in reversed(runs):
        lines = [to_result(line) for line in run]
        if not_before is not None and lines[-1]['date'] <= not_before:
            return found, True
        found.append(lines)
        if len(found) >= wanted:
            return found, True
    return found, False


def read_stream(stream, wanted, not_before):
    size = FIRST_BLOCK
    while True:
        text, is_all = read_tail(stream, size)
        runs = parse_runs(text)
        # One more than wanted, as the first one may lack its beginning.
        if is_all or len(runs) > wanted or size >= MAX_BYTES or is_old(runs, not_before):
            return runs
        size *= 4


def is_old(runs, not_before):
    return bool(runs) and not_before is not None and to_date(runs[0][0][0]) <= not_before


def to_result(line):
    return {'date': to_date(line[0]), 'status': line[1], 'message': as_text(line[3].strip())}


def to_date(text):
    try:
        return datetime.datetime.strptime(text, DATE_FORMAT)
    except ValueError:
        return datetime.datetime.min  # digits, but no date


def as_text(text):
    return text if isinstance(text, str) else text.encode('utf-8')


def has_failed(run):
    return any(line['status'] in FAILURE_LEVELS for line in run)


def join_messages(run):
    return '\n'.join(line['message'] for line in run).strip()
