"""Stands for a virtual machine: opens a tap and answers neighbour solicitations and pings.

tap-guest.py DEVICE ADDRESS     prints `open` when attached; ends when standard input does
Exits 3 after printing the errno's name when the kernel refuses to attach.
"""
import errno, fcntl, os, select, socket, struct, sys

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000
GUEST_MAC = bytes.fromhex("020000000099")
device, own = sys.argv[1], socket.inet_pton(socket.AF_INET6, sys.argv[2])

tap = os.open("/dev/net/tun", os.O_RDWR)
try:
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TAP | IFF_NO_PI))
except OSError as error:
    print(errno.errorcode[error.errno], flush=True)
    sys.exit(3)
print("open", flush=True)


def checksum(source, target, data):
    whole = source + target + struct.pack("!I3xB", len(data), 58) + data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(whole) // 2), whole))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def reply(frame, source, target, data):
    data = data[:2] + checksum(source, target, data[:2] + b"\0\0" + data[4:]) + data[4:]
    header = struct.pack("!IHBB", 0x60000000, len(data), 58, 255) + source + target
    os.write(tap, frame[6:12] + GUEST_MAC + b"\x86\xdd" + header + data)


def answer(frame):
    if frame[12:14] != b"\x86\xdd" or frame[20] != 58:
        return
    sender, data = frame[22:38], frame[54:]
    if data[0] == 135 and data[8:24] == own and any(sender):
        option = b"\x02\x01" + GUEST_MAC
        reply(frame, own, sender, b"\x88\0\0\0\x60\0\0\0" + own + option)
    elif data[0] == 128 and frame[38:54] == own:
        reply(frame, own, sender, b"\x81\0\0\0" + data[4:])


while True:
    ready, _, _ = select.select([tap, 0], [], [])
    if 0 in ready and not os.read(0, 4096):
        break
    if tap in ready:
        answer(os.read(tap, 65536))
