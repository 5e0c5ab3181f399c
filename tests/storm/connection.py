"""connection.py - a connection that reads whole replies, in either version of the protocol."""
import contextlib
import socket
import struct
import time

from client import connect, packed


class Error(str):
    """A reply that is an error."""


class Push(list):
    """What the server says by itself."""


class Connection:
    """Replies are bytes, numbers, None and lists (maps are flat); pushes go to on_push."""

    def __init__(self, port, seconds):
        self.socket = connect(port)
        self.socket.settimeout(seconds)
        self.received = self.socket.makefile("rb", 1 << 16)
        self.on_push = lambda push: None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.received.close()
        self.socket.close()

    def send(self, *commands):
        self.socket.sendall(b"".join(packed(c) for c in commands))

    def send_in_two(self, rng, commands):
        data = b"".join(packed(c) for c in commands)
        cut = rng.randrange(len(data))
        self.socket.sendall(data[:cut])
        time.sleep(rng.random() * 0.003)
        self.socket.sendall(data[cut:])

    def ask(self, *command):
        self.send(command)
        return self.reply()

    def transaction(self, commands):
        """What EXEC replies: a list, None or an error."""
        self.send(["MULTI"], *commands, ["EXEC"])
        return [self.reply() for _ in range(len(commands) + 2)][-1]

    def reply(self):
        """The next reply. EOFError if the connection ends, ValueError if it is none."""
        while True:
            value = self.value()
            if not isinstance(value, Push):
                return value
            self.on_push(value)

    def exactly(self, n):
        data = self.received.read(n)
        if len(data) < n:
            raise EOFError
        return data

    def bulk(self, n):
        data = self.exactly(n + 2)
        if data[n:] != b"\r\n":
            raise ValueError(f"{n} bytes end with {data[n:]}")
        return data[:n]

    def value(self):
        line = self.received.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError
        kind, rest = line[:1], line[1:-2]
        if kind in b"+,":
            return rest
        if kind == b"-":
            return Error(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if kind == b"#":
            return int(rest == b"t")
        if kind == b"_" or rest == b"-1":
            return None
        if kind in b"$=":
            return self.bulk(int(rest))
        if kind in b"*~":
            return [self.value() for _ in range(int(rest))]
        if kind == b"%":
            return [self.value() for _ in range(2 * int(rest))]
        if kind == b">":
            return Push([self.value() for _ in range(int(rest))])
        raise ValueError(f"{line[:80]} is no reply")

    def finish_sending(self):
        with contextlib.suppress(OSError):  # it may have ended already
            self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """The other side gets an RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def listen(self, seconds):
        """Takes what comes for so long, whatever it is."""
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(1 << 16):
                pass
        except TimeoutError:
            pass
