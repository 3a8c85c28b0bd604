"""Two users who work together against whoever gets the folder of one of them next.
    accomplice.py give FOLDER UID    lets another user in by access control lists, the mode stays;
                                     prints `given` or why this file system has no such lists
    accomplice.py hold FOLDER        as that user: opens and watches it, prints `ready`; told so by a
                                     line on standard input prints what it can see by then"""
import json
import os
import struct
import sys

USER_OBJ, USER, GROUP_OBJ, MASK, OTHER = 1, 2, 4, 16, 32


def acl(uid, mask):
    """posix_acl_xattr_header and its entries, linux/posix_acl_xattr.h."""
    nobody = 0xFFFFFFFF
    entries = [(USER_OBJ, 7, nobody), (USER, 7, uid), (GROUP_OBJ, 5, nobody), (MASK, mask, nobody)]
    entries.append((OTHER, 0, nobody))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def give(folder, uid):
    try:
        os.setxattr(folder, "system.posix_acl_access", acl(uid, 5))
        os.setxattr(folder, "system.posix_acl_default", acl(uid, 7))
    except OSError as error:
        print(error.strerror)
    else:
        print("given")


def attempt(work):
    try:
        return work()
    except OSError as error:
        return error.strerror


def hold(folder):
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    print("ready", flush=True)
    sys.stdin.readline()
    seen = {
        "held": attempt(lambda: os.listdir(handle)),
        "path": attempt(lambda: os.listdir(folder)),
        "file": attempt(lambda: open(os.path.join(folder, "secret")).read()),
    }
    print(json.dumps(seen))


if sys.argv[1] == "give":
    give(sys.argv[2], int(sys.argv[3]))
else:
    hold(sys.argv[2])
