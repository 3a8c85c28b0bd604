"""ping6.py ADDRESS: sends ICMPv6 echo requests for up to five seconds, exits 0 on an answer."""
import os, socket, struct, sys, time

target = sys.argv[1]
raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
raw.settimeout(0.3)
for sequence in range(15):
    echo = struct.pack("!BBHHH", 128, 0, 0, os.getpid() & 0xFFFF, sequence) + b"slapos"
    try:
        raw.sendto(echo, (target, 0))
        deadline = time.monotonic() + 0.3
        while time.monotonic() < deadline:
            data, (sender, *_) = raw.recvfrom(4096)
            if data[0] == 129 and data[8:] == b"slapos" and sender == target:
                print("answer from", sender)
                sys.exit(0)
    except OSError:
        time.sleep(0.1)
sys.exit(1)
