"""together.py - keys that are changed together only, which nobody may ever see apart.

All values of a group have the same tag. Whatever else happens, a key may be missing (FLUSHDB,
SWAPDB, eviction), but two that are there agree. Of the two sets no member is ever in both.
"""
from clients import Failure, Member
from connection import Error

PAIR = ["pair:1", "pair:2"]
LIST, HASH, SPARE = "group:list", "group:hash", "group:spare"
SIDES = ["side:1", "side:2"]
LENGTH = 400
FIELDS = [f"f{i}" for i in range(100)]
MEMBERS = [f"m{i}" for i in range(300)]

SET_PAIR = "redis.call('set', KEYS[1], ARGV[1]) for i = 1, ARGV[2] do end " \
           "redis.call('set', KEYS[2], ARGV[1])"
SET_PAIR_UNTOLD = "redis.call('set', ARGV[3], ARGV[1]) for i = 1, ARGV[2] do end " \
                  "redis.call('set', ARGV[4], ARGV[1])"
SET_GROUP = f"""redis.call('del', KEYS[1])
for i = 1, {LENGTH} do redis.call('rpush', KEYS[1], ARGV[1]) for j = 1, ARGV[2] do end end
for i = 0, {len(FIELDS) - 1} do redis.call('hset', KEYS[2], 'f' .. i, ARGV[1]) end"""
GET_ALL = f"""local function at(command, ...) return redis.call(command, ...) or false end
return {{at('get', '{PAIR[0]}'), at('get', '{PAIR[1]}'), at('lindex', '{LIST}', -1),
at('hget', '{HASH}', 'f7'), redis.call('sintercard', 2, '{SIDES[0]}', '{SIDES[1]}')}}"""
MOVE_SOME = """for i = 1, 60 do local m = redis.call('srandmember', KEYS[1])
if m then redis.call('smove', KEYS[1], KEYS[2], m) end for j = 1, ARGV[1] do end end"""


def agree(*values):
    """Those that are there are the same."""
    return len({v for v in values if v is not None}) <= 1


def refused(reply):
    return reply is None or isinstance(reply, Error)


class Together(Member):
    """Changes the keys in one of many ways, and looks at them in one of many."""

    def visit(self, c):
        c.ask("SELECT", self.rng.choice("01"))
        while not self.company.over.is_set():
            self.rng.choice((self.set_pair, self.set_pair_in_one, self.set_watched, self.set_group,
                             self.set_group_by_script, self.refill, self.move))(c)
            for look in self.rng.choices((self.see_pair, self.see_list, self.see_hash,
                                          self.see_sides, self.see_all, self.see_by_script), k=2):
                look(c)

    def ask(self, c, *command):
        self.note(command)
        return c.ask(*command)

    def transaction(self, c, *commands):
        self.note(["MULTI"], *commands, ["EXEC"])
        return c.transaction(commands)

    def expect(self, holds, what, *seen):
        if not holds:
            raise Failure(f"{what}: {str(seen)[:300]}")

    def tag(self):
        return f"{self.name} {self.commands} " + "z" * self.rng.choice((1, 1, 1, 900))

    def loops(self):
        return self.rng.choice(("1", "200", "20000"))

    def long(self):
        """Something that takes a while and changes nothing."""
        return self.rng.choice((["PING"], ["SUNION", *SIDES], ["SORT", LIST, "ALPHA"],
                                ["EVAL", "for i = 1, ARGV[1] do end", "0", "20000"]))

    def set_pair(self, c):
        tag = self.tag()
        self.transaction(c, ["SET", PAIR[0], tag], self.long(), ["SET", PAIR[1], tag])

    def set_pair_in_one(self, c):
        tag = self.tag()
        self.ask(c, *self.rng.choice((
            ["MSET", PAIR[0], tag, PAIR[1], tag],
            ["EVAL", SET_PAIR, "2", *PAIR, tag, self.loops()],
            ["EVAL", SET_PAIR_UNTOLD, "0", tag, self.loops(), *PAIR])))

    def set_watched(self, c):
        """What was read under WATCH is still there when EXEC succeeds."""
        self.ask(c, "WATCH", *PAIR)
        before = self.ask(c, "MGET", *PAIR)
        tag = self.tag()
        set_both = [["SET", key, tag, "GET"] for key in PAIR]
        done = self.transaction(c, set_both[0], self.long(), set_both[1])
        if not refused(done):
            self.expect([done[0], done[2]] == before, "EXEC saw other values than WATCH", before,
                        done)

    def set_group(self, c):
        """Directly, or aside and then by its name."""
        tag = self.tag()
        name = self.rng.choice((LIST, SPARE))
        rename = [] if name == LIST else [["RENAME", SPARE, LIST]]
        half = [tag] * (LENGTH // 2)
        self.transaction(c, ["DEL", name], ["RPUSH", name, *half], ["LPUSH", name, *half],
                         *rename, ["HSET", HASH, *(w for f in FIELDS for w in (f, tag))])

    def set_group_by_script(self, c):
        self.ask(c, "EVAL", SET_GROUP, "2", LIST, HASH, self.tag(), self.rng.choice(("1", "200")))

    def refill(self, c):
        self.transaction(c, ["DEL", *SIDES], ["SADD", SIDES[0], *MEMBERS])

    def move(self, c):
        a, b = self.rng.sample(SIDES, 2)
        if self.rng.random() < 0.3:
            self.transaction(c, ["SUNIONSTORE", a, a, b], ["DEL", b])
        elif self.rng.random() < 0.5:
            self.ask(c, "EVAL", MOVE_SOME, "2", a, b, self.rng.choice(("1", "2000")))
        else:
            self.ask(c, "SMOVE", a, b, self.rng.choice(MEMBERS))

    def see_pair(self, c):
        seen = self.ask(c, "MGET", *PAIR)
        self.expect(refused(seen) or agree(*seen), "MGET of a pair", seen)

    def see_list(self, c):
        """Now and then by one who does not take the reply at once."""
        self.note(["LRANGE", LIST, "0", "-1"])
        c.send(self.rng.choice((["LRANGE", LIST, "0", "-1"], ["SORT", LIST, "ALPHA"])))
        if self.rng.random() < 0.2:
            self.company.over.wait(0.02)
        seen = c.reply()
        self.expect(refused(seen) or len(seen) in (0, LENGTH) and agree(*seen), "a list",
                    len(seen or []), set(seen or []))

    def see_hash(self, c):
        seen = self.ask(c, *self.rng.choice((["HVALS", HASH], ["HMGET", HASH, *FIELDS * 3])))
        self.expect(refused(seen) or agree(*seen), "a hash", set(seen or []))

    def see_sides(self, c):
        seen = self.ask(c, "SINTERCARD", "2", *SIDES)
        self.expect(refused(seen) or seen == 0, "members in both sets", seen)
        seen = self.transaction(c, ["SCARD", SIDES[0]], ["SCARD", SIDES[1]], ["SUNION", *SIDES])
        self.expect(refused(seen) or len(seen[2]) == seen[0] + seen[1] <= len(MEMBERS),
                    "sets and what is in them", seen)

    def see_all(self, c):
        seen = self.transaction(c, ["GET", PAIR[0]], ["GET", PAIR[1]], ["LRANGE", LIST, "0", "-1"],
                                ["HVALS", HASH])
        self.expect(refused(seen) or agree(*seen[:2]) and agree(*seen[2], *seen[3]),
                    "EXEC of reads", seen)

    def see_by_script(self, c):
        seen = self.ask(c, "EVAL", GET_ALL, "0")
        self.expect(refused(seen) or agree(*seen[:2]) and agree(*seen[2:4]) and seen[4] == 0,
                    "a script that reads", seen)
