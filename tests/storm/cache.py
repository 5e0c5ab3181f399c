"""cache.py - clients that keep what they read, and are told by the server when it has changed.

They read the storm's keys in the database that SWAPDB leaves alone, as nothing is told of it, and
ask for nothing that they have. When all others have gone, what a client still has in its cache must
be what the server has.
"""
import threading

from clients import WAIT_SECONDS_MAX, Failure, Member
from connection import Connection, Error
from grammar import key_for

DATABASE = "2"
NAME = "cache"
READS = [("set", "SMEMBERS"), ("set", "SCARD"), ("list", "LRANGE", "0", "-1"), ("hash", "HGETALL"),
         ("hash", "HMGET", *map(str, range(300))), ("zset", "ZRANGE", "0", "-1"), ("text", "GET"),
         ("text", "STRLEN"), ("stream", "XRANGE", "-", "+"), ("set", "EXISTS"), ("list", "TYPE")]
READS_OF_TWO = [("set", "SUNION"), ("text", "MGET")]
UNORDERED = ("SMEMBERS", "SUNION", "HGETALL")


class Cache(Member):
    """quiet is set when all others have gone and nothing will change any more."""

    def __init__(self, company, number):
        super().__init__(company, number)
        self.quiet = threading.Event()
        self.cache = {}

    def visit(self, c):
        self.cache = {}
        c.on_push = self.on_push
        c.ask("CLIENT", "SETNAME", NAME)
        c.ask("HELLO", "3")
        c.ask("SELECT", DATABASE)
        mode = self.rng.choice(([], ["BCAST"], ["OPTIN"], ["NOLOOP"]))
        if c.ask("CLIENT", "TRACKING", "ON", *mode) != b"OK":
            return
        announce = [["CLIENT", "CACHING", "YES"]] if mode == ["OPTIN"] else []
        while not self.company.over.is_set():
            wanted = {self.read() for _ in range(self.rng.choice((1, 3, 8)))}
            reads = sorted(wanted - self.cache.keys())
            commands = [c for read in reads for c in [*announce, read]] + [["PING"]]
            self.note(*commands)
            c.send(*commands)
            self.company.over.wait(self.rng.random() * 0.01)
            for read in reads:
                for _ in announce:
                    c.reply()
                self.keep(read, c.reply())
            c.reply()
        self.quiet.wait()
        c.ask("PING")  # what it is told comes before the reply
        self.compare()

    def read(self):
        if self.rng.random() < 0.2:
            kind, name = self.rng.choice(READS_OF_TWO)
            return name, key_for(self.rng, kind), key_for(self.rng, kind)
        kind, name, *rest = self.rng.choice(READS)
        return name, key_for(self.rng, kind), *rest

    def keep(self, read, reply):
        if not isinstance(reply, Error):
            self.cache[read] = sorted(reply) if read[0] in UNORDERED else reply

    def on_push(self, push):
        kind, keys = push[:2]
        if kind != b"invalidate":
            return
        if keys is None:
            self.cache.clear()
        for key in keys or []:
            self.cache = {read: v for read, v in self.cache.items() if key.decode() not in read}

    def compare(self):
        kept, self.cache = self.cache, {}
        with Connection(self.company.port, WAIT_SECONDS_MAX) as c:
            c.ask("HELLO", "3")
            c.ask("SELECT", DATABASE)
            for read in kept:
                self.keep(read, c.ask(*read))
        for read, value in kept.items():
            if self.cache.get(read) != value:
                raise Failure(f"{read[:3]} is kept as {str(value)[:100]} "
                              f"and is {str(self.cache.get(read))[:100]}")
