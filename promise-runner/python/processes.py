"""Processes and descriptors: what Python 2 and 3 do differently, and the end of a whole family."""
import errno
import fcntl
import os
import signal
import sys

# A family that forks faster than this many looks is killed by its group all the same.
MAX_ROUNDS = 20
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def close_on_exec(fd):
    fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.fcntl(fd, fcntl.F_GETFD) | fcntl.FD_CLOEXEC)
    return fd


def set_nonblocking(fd):
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)


def open_pipe():
    reader, writer = os.pipe()
    return close_on_exec(reader), close_on_exec(writer)


def make_group_leader(pid):
    """Called on both sides of a fork, so that neither can be too early."""
    try:
        os.setpgid(pid, pid)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.ESRCH, errno.EPERM):
            raise


def tie_to_parent(parent):
    """Ends this process when the runner is killed, and makes descendants whose parent ends its
    children, where a kill finds them; prctl(2)."""
    try:
        import ctypes
        library = ctypes.CDLL(None)
        library.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        library.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except Exception:
        pass  # a Python built without ctypes
    if os.getppid() != parent:
        os._exit(1)


def leave(status):
    """Ends a forked process without what the runner wants done at its own end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    os._exit(status)


def read_stat(pid):
    """Parent and start time of a process, proc(5); None when it is gone."""
    try:
        with open('/proc/%d/stat' % pid, 'rb') as stream:
            fields = stream.read().rpartition(b')')[2].split()
        return int(fields[1]), int(fields[19])
    except (IOError, OSError, IndexError, ValueError):
        return None


def list_descendants(ancestors):
    """Start times of all descendants of processes by their pids."""
    stats = {}
    for name in os.listdir('/proc'):
        if name.isdigit():
            stat = read_stat(int(name))
            if stat is not None:
                stats[int(name)] = stat
    found = {}
    pending = list(ancestors)
    while pending:
        parent = pending.pop()
        for pid, (its_parent, start) in stats.items():
            if its_parent == parent and pid not in found:
                found[pid] = start
                pending.append(pid)
    return found


def send(pid, number):
    try:
        os.kill(pid, number)
    except OSError:
        pass


def signal_group(pid, number):
    try:
        os.killpg(pid, number)
    except OSError:
        pass


def kill_tree(pid, known):
    """Kills a process that was not waited for yet, its group, and its descendants.

    All are stopped first and looked for again until no new one appears, so that none escapes by
    forking meanwhile. `known`: start times by pid, from an earlier list_descendants().
    """
    send(pid, signal.SIGSTOP)
    family = dict(known)
    for _ in range(MAX_ROUNDS):
        found = list_descendants([pid] + list(family))
        fresh = [each for each in found if each not in family]
        for each in fresh:
            family[each] = found[each]
            send(each, signal.SIGSTOP)
        if not fresh:
            break
    kill_rest(pid, family)
    send(pid, signal.SIGKILL)


def kill_rest(pid, known):
    """What is left of the group and the descendants of a process that may be gone.

    No new group can have its number as long as the old one has members.
    """
    signal_group(pid, signal.SIGKILL)
    for each, start in known.items():
        stat = read_stat(each)
        if stat is not None and stat[1] == start:
            send(each, signal.SIGKILL)
