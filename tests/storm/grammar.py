"""grammar.py - random commands on few keys, all families: what may be sent is the text below.

A line is a command, with its weight in front if that is not 1; {name} stands for the words that
PARTS makes of chance, or for a script. To add a command: a line.
"""
import re

PART = re.compile(r"\{\w+\}")
TYPES = ["text", "list", "set", "zset", "hash", "stream", "hll", "topic"]
KEYS = [f"{t}{i}" for t in TYPES for i in (1, 2)]
DATABASES = "012"  # the first two are swapped now and then
CHANNELS = [f"channel{i}" for i in range(3)]
BLOB = "z" * 9000

SCRIPTS = {
    "add": "local x = 0 for i = 1, ARGV[1] do x = x + i end "
           "redis.call('sadd', KEYS[1], x) return redis.call('scard', KEYS[1])",
    "rename": "redis.call('rename', KEYS[1], KEYS[2]) for i = 1, ARGV[1] do end "
              "return redis.pcall('smembers', KEYS[2])",
    "fails": "redis.call('del', KEYS[1]) redis.call('sunionstore', KEYS[1], KEYS[2], KEYS[3]) "
             "for i = 1, ARGV[1] do end error('halfway')",
    "wanders": "local keys = redis.call('keys', '*') "
               "for i = 1, #keys do redis.call('type', keys[i]) end "
               "for i = 1, ARGV[1] do end redis.call('set', ARGV[2], 1) return #keys",
    "strays": "redis.pcall('rpush', KEYS[1], 1) for i = 1, ARGV[1] do end "
              "return redis.call('sunionstore', ARGV[2], ARGV[3], KEYS[1])",
    "reads": "for i = 1, ARGV[1] do end return redis.call('hgetall', KEYS[1])",
    "elements": "return redis.pcall('lrange', KEYS[1], 0, -1)",
    "grow": "for i = 1, 600 do redis.pcall('xadd', KEYS[1], i .. '-1', 'a', 'b') end",
    "library": "#!lua name=storm\nredis.register_function('f', function(keys, args) "
               "redis.call('sadd', keys[1], 'x') for i = 1, args[1] do end "
               "return redis.call('scard', keys[1]) end)",
}

SMALL = """
SADD {set} {members}
SREM {set} {members}
SMOVE {set} {set} {number}
SPOP {set} {count}
SRANDMEMBER {set} {count}
SMEMBERS {set}
SINTER {set} {set}
SINTERCARD 2 {set} {set}
SDIFF {set} {set}
SUNIONSTORE {set} {set} {set}
SDIFFSTORE {set} {set} {set}
SSCAN {set} 0
2 RPUSH {list} {members}
LPUSH {list} {members}
LPOP {list} {count}
LRANGE {list} 0 -1
LTRIM {list} 0 {number}
LREM {list} 0 1
LINSERT {list} BEFORE 1 2
LMOVE {list} {list} LEFT LEFT
BLPOP {list} {list} {wait}
BLMOVE {list} {list} LEFT RIGHT {wait}
BLMPOP {wait} 2 {list} {list} LEFT COUNT 50
2 ZADD {zset} {pairs}
ZRANGE {zset} 0 -1 WITHSCORES
ZINCRBY {zset} 3 {number}
ZPOPMIN {zset} {count}
BZPOPMIN {zset} {wait}
ZREMRANGEBYRANK {zset} 0 {number}
ZUNIONSTORE {zset} 2 {zset} {zset}
ZINTER 2 {zset} {zset}
2 HSET {hash} {pairs}
HDEL {hash} {members}
HMGET {hash} {members}
HGETALL {hash}
HINCRBY {hash} {number} 1
HRANDFIELD {hash} {count} WITHVALUES
2 SET {text} {value}
SET {text} {value} PX {ms} GET
GET {text}
GETEX {text} PX {ms}
GETDEL {text}
INCR {text}
APPEND {text} {value}
SETBIT {text} {number} 1
BITFIELD {text} INCRBY u8 {number} 100
BITCOUNT {text}
BITPOS {text} 1
BITOP XOR {text} {text} {text}
LCS {text} {text} LEN
MGET {text} {text} {text}
MSETNX {text} 1 {text} 2
PFADD {hll} {members}
PFCOUNT {hll} {hll}
PFMERGE {hll} {hll}
XADD {stream} * f v
XRANGE {stream} - +
XTRIM {stream} MAXLEN 10
XREAD BLOCK 10 STREAMS {stream} $
TOPIC.CONFIG {topic} RETAIN COUNT 10
TOPIC.READ {topic} FROM EARLIEST COUNT 5
2 PUBLISH {topic} {value}
SORT {list} ALPHA
SORT {set} ALPHA STORE {list}
2 SORT {set} BY text* GET text* GET #
2 SORT {set} BY set* GET text* GET hash*->1
SORT {list} BY list* GET hash*->2 GET text* STORE {list}
4 DEL {key}
UNLINK {key} {key}
RENAME {key} {key}
RENAMENX {key} {key}
COPY {key} {key} REPLACE
COPY {key} {key} DB {database}
MOVE {key} {database}
3 PEXPIRE {key} {ms}
2 PEXPIRE {set} {ms}
EXPIRE {key} -1
PERSIST {key}
DUMP {key}
RESTORE {key} 0 nonsense
OBJECT ENCODING {key}
TYPE {key}
TOUCH {key} {key}
KEYS *
SCAN 0 COUNT 100
RANDOMKEY
DBSIZE
SELECT {database}
PUBLISH {channel} {value}
EVAL {add} 1 {set} {loops}
EVAL {rename} 2 {key} {key} {loops}
EVAL {fails} 3 {set} {set} {set} {loops}
EVAL {wanders} 0 {loops} {key}
EVAL {strays} 1 {list} {loops} {key} {set}
EVAL_RO {reads} 1 {hash} {loops}
FUNCTION LOAD REPLACE {library}
FCALL f 1 {set} {loops}
"""

# Many arguments, so that commands go on over turns, and streams with groups.
MANY = """
SADD {set} {many}
SREM {set} {many}
SMISMEMBER {set} {many}
SUNIONSTORE {set} {set}
ZADD {zset} {manypairs}
ZREM {zset} {many}
ZMSCORE {zset} {many}
ZUNIONSTORE {zset} 1 {zset}
HSET {hash} {manypairs}
HDEL {hash} {many}
HMGET {hash} {many}
HPEXPIRE {hash} {ms} FIELDS {fields}
HPERSIST {hash} FIELDS {fields}
RPUSH {list} {many}
GEOADD {zset} {points}
GEOSEARCHSTORE {zset} {zset} FROMLONLAT 1 1 BYRADIUS 9000 km
MSET {text} 1 {text} 2 {text} 3 {key} 4
2 EVAL {grow} 1 {stream}
4 XGROUP CREATE {stream} g 0 MKSTREAM
3 XREADGROUP GROUP g {consumer} COUNT 50 BLOCK 5 STREAMS {stream} >
XREADGROUP GROUP g {consumer} STREAMS {stream} 0
XACK {stream} g {ids}
XCLAIM {stream} g {consumer} 0 {ids}
XAUTOCLAIM {stream} g {consumer} 0 0 COUNT 500
XPENDING {stream} g
XDEL {stream} {ids}
XGROUP DELCONSUMER {stream} g {consumer}
XINFO STREAM {stream} FULL
XTRIM {stream} MAXLEN {number}
COPY {key} {key} REPLACE
2 DEL {key}
3 DEL {stream}
"""

# Large elements, so that replies come in parts.
BIG = """
2 RPUSH {list} {blobs}
SADD {set} {blobs}
HSET {hash} {blobpairs}
ZADD {zset} {scoredblobs}
3 LRANGE {list} 0 -1
SMEMBERS {set}
HGETALL {hash}
HVALS {hash}
ZRANGE {zset} 0 -1
XADD {stream} * f {blob}
XRANGE {stream} - +
SORT {list} ALPHA GET # GET text*
EVAL {elements} 1 {list}
BLMPOP {wait} 2 {list} {list} LEFT COUNT 50
COPY {key} {key} REPLACE
SET {text} {blob}
SET {text} {largest}
GETRANGE {text} 0 -1
SETRANGE {text} {number}000 abc
BITOP NOT {text} {text}
DUMP {key}
3 DEL {key}
"""

CONTROL = """
2 CLIENT PAUSE {pause} WRITE
CLIENT PAUSE {pause} ALL
CLIENT UNPAUSE
CLIENT LIST
CLIENT NO-TOUCH ON
CLIENT CACHING YES
CLIENT LANE-TIMEOUT 0
CLIENT LANE-TIMEOUT 5
CLIENT UNBLOCK {client} TIMEOUT
CLIENT UNBLOCK {client} ERROR
2 CLIENT KILL ID {client}
CLIENT KILL TYPE normal
CLIENT DURABILITY FSYNC
3 CONFIG SET client-output-buffer-limit {limit}
CONFIG SET maxmemory {memory}
2 CONFIG SET maxmemory 0
CONFIG SET maxmemory-policy {policy}
CONFIG SET maxmemory-clients 2mb
CONFIG SET maxmemory-clients 0
CONFIG SET timeout 1
CONFIG SET timeout 0
CONFIG SET lane-max-waiting 3
CONFIG SET lane-max-waiting 1024
CONFIG SET tracking-table-max-keys 3
CONFIG SET tracking-table-max-keys 0
SCRIPT KILL
SCRIPT FLUSH
2 BGREWRITEAOF
2 BGSAVE
INFO all
LANE.LIST
LANE.STATS
SLOWLOG GET
MEMORY STATS
FLUSHDB
FLUSHDB ASYNC
2 SWAPDB 0 1
DEBUG RELOAD
DEBUG LOADAOF
"""


def key_for(rng, kind):
    """Mostly one that such commands use."""
    return f"{kind}{rng.choice('12')}" if rng.random() < 0.85 else rng.choice(KEYS)


def numbers(rng, counts, end):
    return [str(rng.randrange(end)) for _ in range(rng.choice(counts))]


def paired(words):
    return [w for word in words for w in (word, word)]


def blobs(rng, counts):
    return [BLOB + n for n in numbers(rng, counts, 200)]


def counted(words):
    return [str(len(words)), *words]


FEW, SEVERAL = (1, 2, 3, 30, 100), (70, 300, 900)
PARTS = {
    **{kind: lambda r, kind=kind: [key_for(r, kind)] for kind in TYPES},
    "key": lambda r: [r.choice(KEYS)],
    "database": lambda r: [r.choice(DATABASES)],
    "channel": lambda r: [r.choice(CHANNELS)],
    "consumer": lambda r: [r.choice("abc")],
    "number": lambda r: numbers(r, [1], 300),
    "count": lambda r: [r.choice(("1", "20", "200"))],
    "members": lambda r: numbers(r, FEW, 400),
    "pairs": lambda r: paired(numbers(r, FEW, 300)),
    "many": lambda r: numbers(r, SEVERAL, 600),
    "manypairs": lambda r: paired(numbers(r, SEVERAL, 600)),
    "fields": lambda r: counted(sorted(set(numbers(r, SEVERAL, 600)))),
    "ids": lambda r: [n + "-1" for n in numbers(r, SEVERAL, 600)],
    "points": lambda r: [w for n in numbers(r, SEVERAL, 85) for w in (n, n, "m" + n)],
    "value": lambda r: ["v" * r.choice((1, 100, 5000))],
    "blob": lambda r: [BLOB],
    "largest": lambda r: [BLOB * 40],
    "blobs": lambda r: blobs(r, (20, 60)),
    "blobpairs": lambda r: paired(blobs(r, (20, 40))),
    "scoredblobs": lambda r: [w for i, b in enumerate(blobs(r, (40,))) for w in (str(i), b)],
    "wait": lambda r: [r.choice(("0.005", "0.02"))],
    "ms": lambda r: [r.choice(("1", "5", "50", "1000", "100000"))],
    "pause": lambda r: [r.choice(("1", "10", "30"))],
    "loops": lambda r: [r.choice(("1", "20000", "200000"))],
    "limit": lambda r: [f"normal {r.choice((0, 0, 200000, 5000000))} 0 0"],
    "memory": lambda r: [r.choice(("3mb", "30mb"))],
    "policy": lambda r: [r.choice(("noeviction", "allkeys-lru", "volatile-ttl"))],
}


def templates(text):
    """The templates, each a list of words, and their weights."""
    lines = [line.split() for line in text.strip().splitlines()]
    weights = [int(words[0]) if words[0].isdigit() else 1 for words in lines]
    return [words[words[0].isdigit():] for words in lines], weights


TEMPLATES = {kind: templates(text) for kind, text in
             {"small": SMALL, "many": MANY, "big": BIG, "control": CONTROL}.items()}
TASTES = [("small",), ("small", "many"), ("small", "big")]


class Grammar:
    """What one client says; newest_client is the highest number of a client that it knows."""

    def __init__(self, rng):
        self.rng = rng
        self.taste = rng.choice(TASTES)
        self.newest_client = 1

    def words(self, word):
        """Of a name that stands alone; elsewhere it stands for one word."""
        if not PART.fullmatch(word):
            return [PART.sub(lambda part: self.words(part.group())[0], word)]
        name = word[1:-1]
        if name in SCRIPTS:
            return [SCRIPTS[name]]
        if name == "client":
            return [str(max(1, self.newest_client - self.rng.randrange(-4, 24)))]
        return PARTS[name](self.rng)

    def one_of(self, kind):
        [template] = self.rng.choices(*TEMPLATES[kind])
        return [w for word in template for w in self.words(word)]

    def command(self):
        return self.one_of(self.rng.choice(self.taste))

    def control(self):
        return self.one_of("control")

    def transaction(self):
        """From MULTI, or WATCH, to EXEC."""
        watch = [["WATCH", *PARTS["key"](self.rng)]] if self.rng.random() < 0.3 else []
        queued = [self.command() for _ in range(self.rng.randrange(1, 6))]
        return [*watch, ["MULTI"], *queued, ["EXEC"]]
