"""Records what is said to one TCP port of an address, as somebody on the way could. In: an interface, the address, the port.
Out: `ready`; and when stdin ends, all that was sent over each connection that was opened meanwhile, in hex, a line each."""
import select
import socket
import sys

interface, address, port = sys.argv[1], socket.inet_aton(sys.argv[2]), int(sys.argv[3])
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
wire.bind((interface, 0))
streams = {}
print("ready", flush=True)
while True:
    ready = select.select([wire, sys.stdin], [], [])[0]
    if wire in ready:
        # Ethernet, IPv4, TCP.
        ip = wire.recv(1 << 17)[14:]
        if len(ip) < 40 or ip[0] >> 4 != 4 or ip[9] != 6 or ip[16:20] != address:
            continue
        tcp = ip[4 * (ip[0] & 15):int.from_bytes(ip[2:4], "big")]
        if int.from_bytes(tcp[2:4], "big") != port:
            continue
        sequence, key = int.from_bytes(tcp[4:8], "big"), ip[12:16] + tcp[:2]
        if tcp[13] & 2:  # SYN
            streams[key] = (sequence + 1, {})
        data = tcp[4 * (tcp[12] >> 4):]
        if key in streams and data:
            first, parts = streams[key]
            parts[(sequence - first) & 0xFFFFFFFF] = data
    elif sys.stdin in ready:
        break
for first, parts in streams.values():
    said = b""
    for offset, data in sorted(parts.items()):
        if offset > len(said):
            break  # What comes after a hole cannot be told.
        said = said[:offset] + data
    print(said.hex())
