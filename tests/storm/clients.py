"""clients.py - clients that send random pipelines and check that each reply is there in its place.

A client comes and goes: it reads all replies, or leaves early in one way or another. Behind each
command, or each few that belong together, is an ECHO whose reply must be the next one.
"""
import collections
import random
import threading

from connection import Connection
from grammar import CHANNELS, DATABASES, Grammar

WAIT_SECONDS_MAX = 20  # no reply may take longer, whatever else happens
SENT_KEPT = 60         # so many of a client's last commands are told when something fails


class Failure(Exception):
    """Something that must never be was seen."""


class Company:
    """What the clients of one run share: where the server is, when to end, what went wrong."""

    def __init__(self, port, seed):
        self.port = port
        self.seed = seed
        self.over = threading.Event()
        self.failures = []
        self.members = []

    def start(self, kind, count):
        for _ in range(count):
            self.members.append(kind(self, len(self.members)))
            self.members[-1].start()

    def fail(self, text):
        self.failures.append(text)
        self.over.set()

    def commands(self):
        return sum(m.commands for m in self.members)


class Member(threading.Thread):
    """A client with chances of its own, which comes again when its connection has ended."""

    def __init__(self, company, number):
        super().__init__(daemon=True)
        self.company = company
        self.name = f"{type(self).__name__} {number}"
        self.rng = random.Random(company.seed * 1000 + number)
        self.commands = 0
        self.sent = collections.deque(maxlen=SENT_KEPT)

    def run(self):
        while not self.company.over.is_set():
            try:
                with Connection(self.company.port, WAIT_SECONDS_MAX) as c:
                    self.visit(c)
            except (EOFError, ConnectionError):
                self.company.over.wait(0.01)  # it was killed, as others may do
            except TimeoutError:
                self.company.fail(f"{self.name} had no reply for {WAIT_SECONDS_MAX} s")
            except Exception as e:
                self.company.fail(f"{self.name}: {type(e).__name__}: {e}")

    def note(self, *commands):
        self.commands += len(commands)
        self.sent.extend(commands)


class Stormer(Member):
    def __init__(self, company, number):
        super().__init__(company, number)
        self.grammar = Grammar(self.rng)
        self.resp3 = False

    def happens(self, chance):
        return self.rng.random() < chance

    def visit(self, c):
        self.grammar.newest_client = max(self.grammar.newest_client, c.ask("CLIENT", "ID"))
        self.resp3 = self.happens(0.4)
        if self.resp3:
            c.ask("HELLO", "3")
            if self.happens(0.6):
                c.ask("CLIENT", "TRACKING", "ON", *self.rng.choice(([], ["BCAST"], ["NOLOOP"])))
        c.ask("SELECT", self.rng.choice(DATABASES))
        if self.happens(0.1):
            c.send(self.rng.choice((["MONITOR"], ["PSUBSCRIBE", "*"], ["SSUBSCRIBE", *CHANNELS])))
            c.listen(0.1)
            return
        for _ in range(self.rng.randrange(1, 30)):
            if self.company.over.is_set() or not self.pipeline(c):
                return

    def pipeline(self, c):
        """Sends some commands; false if the client leaves without all replies."""
        steps = [self.step() for _ in range(self.rng.choice((1, 1, 2, 5, 20)))]
        commands = []
        for number, (said, _) in enumerate(steps):
            commands += [*said, ["ECHO", f"behind {number}"]]
        self.note(*commands)
        if self.happens(0.2):
            c.send_in_two(self.rng, commands)
        else:
            c.send(*commands)
        if self.happens(0.05):
            return False
        if self.happens(0.1):
            self.company.over.wait(self.rng.random() * 0.05)
        if self.happens(0.03):
            c.reset()
            return False
        if self.happens(0.03):
            c.finish_sending()
        for number, (said, replies) in enumerate(steps):
            got = [c.reply() for _ in range(replies + 1)]
            if got[-1] != b"behind %d" % number:
                raise Failure(f"the replies to {str(said)[:300]} and an ECHO of {number} "
                              f"are {str(got)[:300]}")
        return True

    def step(self):
        """Commands that belong together, and how many replies they have, pushes aside."""
        silent = [self.grammar.command() for _ in range(self.rng.randrange(1, 4))]
        [kind] = self.rng.choices(("command", "control", "transaction", "skip", "off", "hear",
                                   "reset"), (74, 4, 12, 3, 1, 2, 0.5))
        if kind == "control":
            return [self.grammar.control()], 1
        if kind == "transaction":
            commands = self.grammar.transaction()
            return commands, len(commands)
        if kind == "skip":
            return [["CLIENT", "REPLY", "SKIP"], silent[0]], 0
        if kind == "off":
            return [["CLIENT", "REPLY", "OFF"], *silent, ["CLIENT", "REPLY", "ON"]], 1
        if kind == "hear" and self.resp3:
            return [["SUBSCRIBE", self.rng.choice(CHANNELS)]], 0
        if kind == "reset":
            self.resp3 = False
            return [["RESET"]], 1
        return [self.grammar.command()], 1
