"""client.py - a client of stall and saved: requests in the protocol, replies that are lines."""
import socket


def packed(args):
    out = [b"*%d\r\n" % len(args)]
    for a in args:
        a = str(a).encode()
        out.append(b"$%d\r\n%s\r\n" % (len(a), a))
    return b"".join(out)


def connect(port):
    s = socket.create_connection(("127.0.0.1", port), 300)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def pipeline(s, commands):
    """Sends commands whose replies are lines, and waits for all of them."""
    commands = [packed(c) for c in commands]
    for i in range(0, len(commands), 1000):
        part = commands[i:i + 1000]
        s.sendall(b"".join(part))
        lines = 0
        while lines < len(part):
            lines += s.recv(1 << 16).count(b"\r\n")
