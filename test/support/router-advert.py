"""router-advert.py DEVICE: advertises a router and 2001:db8:5:a::/64 (RFC 4861 4.2) once a second."""
import ipaddress, socket, struct, sys, time

raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex(sys.argv[1]))
# Router for 1800 s; the prefix is on the link and for autoconfiguration, for an hour.
header = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 1800, 0)
prefix += ipaddress.ip_address("2001:db8:5:a::").packed
while True:
    try:
        raw.sendto(header + prefix, ("ff02::1", 0))
    except OSError:
        pass
    time.sleep(1)
