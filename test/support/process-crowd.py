"""Processes that start, stop, rename themselves and change their users at random, for some seconds.

    process-crowd.py SEED SECONDS FIRST_UID

Prints `pid start uid` of each before it can be so: whoever saw another one saw what never was.
"""
import ctypes
import os
import random
import signal
import sys
import time

MOST = 60
PR_SET_DUMPABLE, PR_SET_NAME = 4, 15
NAMES = [b"a) S 1 (b", b"\nUid:\t0\t0", b"\xff\xfe", b"fifteen letters", b"sixteen letters!", b""]
prctl = ctypes.CDLL(None).prctl


def announce(pid, uid):
    with open("/proc/%d/stat" % pid, "rb") as stream:
        start = stream.read().rpartition(b")")[2].split()[22 - 3].decode()
    os.write(1, b"%d %s %d\n" % (pid, start.encode(), uid))


def live(seed, first_uid):
    dice = random.Random(seed)
    for _ in range(dice.randrange(1, 200)):
        deed = dice.randrange(8)
        if deed == 0:
            prctl(PR_SET_NAME, dice.choice(NAMES), 0, 0, 0)
        elif deed == 1:
            real, effective = (first_uid + dice.randrange(10) for _ in range(2))
            os.seteuid(0)
            announce(os.getpid(), real)
            os.setresuid(real, dice.choice([effective, 0]), 0)
            prctl(PR_SET_DUMPABLE, dice.randrange(2), 0, 0, 0)
        elif deed == 2 and dice.randrange(10) == 0:
            os.execv("/bin/sleep", ["sleep", "0.05"])
        else:
            time.sleep(dice.random() * 0.01)


def main(seed, seconds, first_uid):
    dice = random.Random(seed)
    children = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if len(children) < MOST and dice.randrange(3):
            number = dice.random()
            child = os.fork()
            if child == 0:
                try:
                    live(number, first_uid)
                finally:
                    os._exit(0)
            announce(child, 0)
            children.append(child)
        elif children:
            child = children.pop(dice.randrange(len(children)))
            os.kill(child, signal.SIGKILL)
            if dice.randrange(2):
                time.sleep(0.005)  # a zombie until then
            os.waitpid(child, 0)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
