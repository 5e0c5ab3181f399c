"""redis_py_test.py - Debian's python3-redis on the server: what its users do, one thing a test.

Run by /usr/bin/python3, which is the Python that Debian's packages are for. To add a test: a
function with @test; helper.py tells what it is given.
"""
import asyncio
import contextlib
import sys
import time

sys.dont_write_bytecode = True
import redis
import redis.asyncio
from redis.exceptions import (AuthenticationError, ConnectionError, LockError, NoScriptError,
                              ReadOnlyError, ResponseError, TimeoutError, WatchError)

from helper import background, blocked, equal, raises, run, test, until


@test
def strings(server):
    r = server.client()
    equal(r.set("text", "grüße"), True)
    equal(r.get("text"), "grüße")
    equal(r.get("missing"), None)
    equal(r.set("text", "new", nx=True), None)
    equal(r.set("text", "new", xx=True, get=True, ex=100), "grüße")
    equal(90 < r.ttl("text") <= 100, True)
    equal(r.getex("text", persist=True), "new")
    equal((r.ttl("text"), r.ttl("missing")), (-1, -2))
    equal(r.mset({"a": 1, "b": 2.5}), True)
    equal(r.mget("a", "missing", "b"), ["1", None, "2.5"])
    equal((r.incr("a", 41), r.decr("a"), r.incrbyfloat("b", 0.25)), (42, 41, 2.75))
    equal((r.append("a", "!"), r.getrange("a", -2, -1), r.setrange("a", 1, "0"), r.strlen("a")),
          (3, "1!", 3, 3))
    equal(r.lcs("text", "text", idx=True, withmatchlen=True),
          ["matches", [[[0, 2], [0, 2], 3]], "len", 3])
    equal((r.getdel("text"), r.exists("text", "a", "a"), r.delete("a", "b")), ("new", 2, 2))


@test
def bytes_stay_as_they_are(server):
    r = server.client(decode_responses=False)
    every = bytes(range(256)) + b"\r\n$-1\r\n"
    big = every * 40000
    r.set(every, big)
    equal(r.get(every) == big, True)
    equal(r.keys(), [every])
    r.hset("hash", every, every)
    equal(r.hgetall("hash"), {every: every})
    dump = r.dump("hash")
    r.restore("copy", 0, dump)
    equal(r.hget("copy", every), every)
    with raises(ResponseError):
        r.restore("copy", 0, dump)


@test
def bits(server):
    r = server.client()
    equal((r.setbit("bits", 7, 1), r.getbit("bits", 7), r.bitcount("bits")), (0, 1, 1))
    equal(r.bitpos("bits", 1), 7)
    r.setbit("other", 0, 1)
    equal(r.bitop("OR", "both", "bits", "other"), 1)
    equal(r.bitcount("both", 0, 7, "BIT"), 2)
    field = r.bitfield("field", default_overflow="FAIL")
    equal(field.set("u8", "#1", 200).incrby("u8", "#1", 100).get("u8", "#1").execute(),
          [0, None, 200])
    equal(field.incrby("u8", "#1", 100, overflow="SAT").execute(), [255])


@test
def hashes(server):
    r = server.client()
    equal(r.hset("h", mapping={"a": 1, "b": 2, "c": "x"}), 3)
    equal(r.hgetall("h"), {"a": "1", "b": "2", "c": "x"})
    equal((r.hmget("h", "a", "z"), r.hkeys("h"), r.hlen("h")), (["1", None], ["a", "b", "c"], 3))
    equal((r.hincrby("h", "a", 4), r.hincrbyfloat("h", "b", 0.5)), (5, 2.5))
    equal((r.hsetnx("h", "a", 0), r.hexists("h", "a"), r.hdel("h", "a", "z")), (0, True, 1))
    equal(sorted(r.hrandfield("h", 5, withvalues=True)), ["2.5", "b", "c", "x"])


@test
def lists(server):
    r = server.client()
    equal((r.rpush("l", *"abcabc"), r.lpush("l", "z"), r.llen("l")), (6, 7, 7))
    equal(r.lrange("l", 0, -1), list("zabcabc"))
    equal((r.lpos("l", "b", count=0), r.lindex("l", -1)), ([2, 5], "c"))
    equal((r.lset("l", 0, "y"), r.lrem("l", 1, "a"), r.linsert("l", "BEFORE", "b", "n")),
          (True, 1, 7))
    equal((r.lpop("l", 2), r.rpop("l"), r.lmove("l", "m", "LEFT", "RIGHT")),
          (["y", "n"], "c", "b"))
    equal((r.lmpop(2, "none", "l", direction="LEFT", count=9), r.exists("l")),
          (["l", ["c", "a", "b"]], 0))


@test
def sets(server):
    r = server.client()
    equal((r.sadd("a", 1, 2, 3), r.sadd("b", 2, 3, 4)), (3, 3))
    equal((r.smembers("a"), r.sinter("a", "b")), ({"1", "2", "3"}, {"2", "3"}))
    equal((r.sdiff("a", "b"), r.sunionstore("c", "a", "b")), ({"1"}, 4))
    equal((r.smismember("a", ["1", "9"]), r.sintercard(2, ["a", "b"], 1)), ([True, False], 1))
    equal((r.smove("a", "b", 1), r.sismember("b", 1), r.srem("b", 1, 9)), (True, True, 1))
    equal(set(r.spop("c", 9)), {"1", "2", "3", "4"})


@test
def sorted_sets(server):
    r = server.client()
    equal(r.zadd("z", {"one": 1, "two": 2.5, "inf": float("inf")}), 3)
    equal(r.zrange("z", 0, -1, withscores=True), [("one", 1), ("two", 2.5), ("inf", float("inf"))])
    equal(r.zadd("z", {"one": 3}, gt=True, ch=True), 1)
    equal(r.zadd("z", {"one": 1}, incr=True), 4)
    equal(r.zrange("z", "(2.5", "+inf", byscore=True, offset=0, num=1), ["one"])
    equal((r.zrank("z", "one"), r.zrevrank("z", "one"), r.zrank("z", "none")), (1, 1, None))
    equal((r.zscore("z", "two"), r.zmscore("z", ["two", "none"])), (2.5, [2.5, None]))
    equal(r.zunion({"z": 2, "none": 1}, withscores=True)[0], ("two", 5))
    equal(r.zdiffstore("d", ["z", "none"]), 3)
    equal(r.zpopmax("d"), [("inf", float("inf"))])
    equal(r.zpopmin("d", 5), [("two", 2.5), ("one", 4)])
    equal((r.zlexcount("z", "-", "+"), r.zremrangebyrank("z", 0, 0), r.zcard("z")), (3, 1, 2))


@test
def places(server):
    r = server.client()
    equal(r.geoadd("g", (13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania")), 2)
    equal(round(r.geodist("g", "Palermo", "Catania", "km"), 4), 166.2742)
    equal(r.geohash("g", "Palermo", "Catania"), ["sqc8b49rny0", "sqdtr74hyu0"])
    [(lon, lat), none] = r.geopos("g", "Palermo", "none")
    equal((round(lon, 5), round(lat, 5), none), (13.36139, 38.11556, None))
    equal(r.geosearch("g", longitude=15, latitude=37, radius=200, unit="km", sort="ASC",
                      withdist=True), [["Catania", 56.4413], ["Palermo", 190.4424]])


@test
def counts_of_distinct_elements(server):
    r = server.client()
    equal(r.pfadd("a", *range(1000)), 1)
    equal(r.pfadd("b", *range(500, 1500)), 1)
    equal(abs(r.pfcount("a", "b") - 1500) < 30, True)
    equal(r.pfmerge("c", "a", "b"), True)
    equal(r.pfcount("c"), r.pfcount("a", "b"))


@test
def keys_and_databases(server):
    r = server.client()
    other = server.client(db=3)
    r.set("a", 1, px=60000)
    equal((50000 < r.pttl("a") <= 60000, r.persist("a")), (True, True))
    equal(r.expire("a", 100, lt=True), True)
    equal(abs(r.expiretime("a") - time.time() - 100) < 10, True)
    equal((r.rename("a", "b"), r.type("b"), r.object("encoding", "b")), (True, "string", "int"))
    equal((r.copy("b", "c"), r.move("c", 3), other.get("c"), other.dbsize()), (True, True, "1", 1))
    equal(r.memory_usage("b") > 0, True)
    equal((r.touch("b", "none"), r.unlink("b", "none"), r.randomkey()), (1, 1, None))
    equal(other.swapdb(0, 3), True)
    equal((r.get("c"), other.flushdb(), r.flushall()), ("1", True, True))


@test
def sorting(server):
    r = server.client()
    r.rpush("l", 3, 1, 2)
    r.mset({"w1": 30, "w2": 20, "w3": 10, "n1": "one", "n2": "two", "n3": "three"})
    equal(r.sort("l", desc=True, start=0, num=2), ["3", "2"])
    equal(r.sort("l", by="w*", get=["#", "n*"], groups=True),
          [("3", "three"), ("2", "two"), ("1", "one")])
    equal((r.sort("l", alpha=True, store="s"), r.lrange("s", 0, -1)), (3, ["1", "2", "3"]))


@test
def iterators_see_everything(server):
    r = server.client()
    pipe = r.pipeline(transaction=False)
    for i in range(3000):
        pipe.set(f"key:{i}", i).sadd("set", i).hset("hash", i, i).zadd("zset", {i: i})
    pipe.execute()
    equal(set(r.scan_iter("key:*", count=100)), {f"key:{i}" for i in range(3000)})
    equal(set(r.scan_iter(_type="HASH")), {"hash"})
    equal(set(r.sscan_iter("set")), {str(i) for i in range(3000)})
    equal(dict(r.hscan_iter("hash", match="1*"))["1999"], "1999")
    equal(dict(r.zscan_iter("zset")), {str(i): i for i in range(3000)})


@test
def errors_are_of_their_kinds(server):
    r = server.client()
    r.lpush("list", 1)
    for call, kind, text in (
            (lambda: r.get("list"), ResponseError, "WRONGTYPE Operation"),
            (lambda: r.execute_command("NOSUCH", "x"), ResponseError,
             "unknown command 'NOSUCH', with args beginning with: 'x'"),
            (lambda: r.evalsha("0" * 40, 0), NoScriptError, "No matching script"),
            (lambda: r.set("a", 1, ex=-1), ResponseError, "invalid expire time in 'set' command"),
            (lambda: r.eval("#!lua flags=no-writes\nreturn redis.call('del', 'a')", 0),
             ResponseError, "Write commands are not allowed"),
            (lambda: r.execute_command("GET"), ResponseError, "wrong number of arguments"),
            (lambda: r.incr("list"), ResponseError, "WRONGTYPE"),
            (lambda: r.xgroup_create("none", "g"), ResponseError, "requires the key to exist")):
        with raises(kind) as caught:
            call()
        assert text in str(caught.exception), str(caught.exception)
    equal(r.ping(), True)


@test
def a_password(server):
    server.restart("--requirepass", "secret")
    equal(server.client(password="secret").ping(), True)
    equal(server.client(username="default", password="secret").ping(), True)
    with raises(AuthenticationError):
        server.client().ping()
    with raises(ResponseError) as caught:
        server.client(username="default", password="wrong").ping()
    equal(str(caught.exception)[:9], "WRONGPASS")


@test
def connections(server):
    r = server.client(client_name="one")
    url = redis.from_url(f"redis://127.0.0.1:{server.port}/5", decode_responses=True)
    unix = redis.Redis(unix_socket_path=server.socket, decode_responses=True)
    url.set("k", "v")
    equal((r.client_getname(), r.echo("x"), unix.ping(), unix.client_info()["db"]),
          ("one", "x", True, 0))
    [(name, figures)] = r.info("keyspace").items()
    equal((name, figures["keys"], figures["expires"]), ("db5", 1, 0))
    equal({c["name"] for c in r.client_list()}, {"one", ""})
    own = str(unix.client_id())
    equal([c["id"] for c in r.client_list(client_id=[own])], [own])
    equal((r.config_set("maxmemory", "100mb"), r.config_get("maxmem*ry")),
          (True, {"maxmemory": "104857600"}))
    equal((len(r.time()), r.info("server")["tcp_port"], r.info()["redis_version"][:2]),
          (2, server.port, "7."))
    equal(r.command_count() > 200, True)
    equal(r.command()["get"]["arity"], 2)
    r.slowlog_reset()
    equal((r.slowlog_len(), r.slowlog_get()), (0, []))
    pool = redis.BlockingConnectionPool(host="127.0.0.1", port=server.port, max_connections=2,
                                        timeout=10)
    many = [background(redis.Redis(connection_pool=pool).incr, "n") for _ in range(20)]
    equal(sorted(m.result() for m in many), list(range(1, 21)))


@test
def publish_and_subscribe(server):
    r = server.client()
    p = r.pubsub()
    p.subscribe("news", "weather")
    p.psubscribe("n*", "[x-z]?")

    def next_ones(count):
        return [until(p.get_message) for _ in range(count)]
    equal([(m["type"], m["channel"], m["data"]) for m in next_ones(4)],
          [("subscribe", "news", 1), ("subscribe", "weather", 2), ("psubscribe", "n*", 3),
           ("psubscribe", "[x-z]?", 4)])
    equal((r.publish("news", "one"), r.publish("y1", "two"), r.publish("none", 0)), (2, 1, 1))
    equal(next_ones(4),
          [{"type": "message", "pattern": None, "channel": "news", "data": "one"},
           {"type": "pmessage", "pattern": "n*", "channel": "news", "data": "one"},
           {"type": "pmessage", "pattern": "[x-z]?", "channel": "y1", "data": "two"},
           {"type": "pmessage", "pattern": "n*", "channel": "none", "data": "0"}])
    equal(sorted(r.pubsub_channels()), ["news", "weather"])
    equal((r.pubsub_numsub("news", "none"), r.pubsub_numpat()), ([("news", 1), ("none", 0)], 2))
    p.ping()
    equal(next_ones(1)[0]["type"], "pong")
    p.unsubscribe("news")
    p.punsubscribe()
    left = next_ones(3)
    equal([(m["type"], m["data"]) for m in left],
          [("unsubscribe", 3), ("punsubscribe", 2), ("punsubscribe", 1)])
    p.unsubscribe()
    equal((next_ones(1)[0]["data"], p.subscribed), (0, False))
    equal(r.publish("news", "three"), 0)


@test
def a_thread_that_listens(server):
    r = server.client()
    heard, handled = [], []
    p = r.pubsub(ignore_subscribe_messages=True)
    p.subscribe("to-list", **{"to-handler": lambda m: handled.append(m["data"])})

    def listen():
        for message in p.listen():
            heard.append(message["data"])
            if message["data"] == "end":
                p.unsubscribe()
    listener = background(listen)
    until(lambda: r.pubsub_numsub("to-list", "to-handler") == [("to-list", 1), ("to-handler", 1)])
    for i in range(1000):
        r.publish("to-list", i)
        r.publish("to-handler", i)
    r.publish("to-list", "end")
    listener.result()
    equal(heard, [str(i) for i in range(1000)] + ["end"])
    equal(handled, [str(i) for i in range(1000)])
    q = r.pubsub()
    q.psubscribe(**{"*": lambda m: heard.append(m["channel"])})
    thread = q.run_in_thread(sleep_time=0.01)
    until(lambda: r.pubsub_numpat() == 1)
    r.publish("last", "")
    until(lambda: heard[-1] == "last")
    thread.stop()
    thread.join()


@test
def keyspace_events(server):
    r = server.client()
    r.config_set("notify-keyspace-events", "KEA")
    p = r.pubsub(ignore_subscribe_messages=True)
    p.psubscribe("__key*__:*")
    until(lambda: r.pubsub_numpat() == 1)
    r.set("k", 1)
    r.pexpire("k", 20)
    heard = []
    until(lambda: heard.append(p.get_message()) or (heard[-1] or {}).get("data") == "k" and
          "expired" in heard[-1]["channel"])
    equal([(m["channel"], m["data"]) for m in heard if m],
          [("__keyspace@0__:k", "set"), ("__keyevent@0__:set", "k"),
           ("__keyspace@0__:k", "expire"), ("__keyevent@0__:expire", "k"),
           ("__keyspace@0__:k", "expired"), ("__keyevent@0__:expired", "k")])


@test
def pipelines(server):
    r = server.client()
    for transaction in (True, False):
        r.flushall()
        with r.pipeline(transaction=transaction) as pipe:
            equal(pipe.set("a", 1).incr("a").hset("h", "f", "v").hgetall("h").get("none").execute(),
                  [True, 2, 1, {"f": "v"}, None])
            pipe.lpush("a", 1).incr("a")
            replies = pipe.execute(raise_on_error=False)
            assert isinstance(replies[0], ResponseError), replies
            equal(replies[1], 3)
            pipe.incr("a").lpush("a", 1)
            with raises(ResponseError) as caught:
                pipe.execute()
            assert str(caught.exception).startswith("Command # 2 (LPUSH a 1)"), caught.exception
            equal(r.get("a"), "4")
            for i in range(10000):
                pipe.rpush("l", i)
            equal(pipe.execute(), list(range(1, 10001)))
    with raises(ResponseError) as caught:
        r.pipeline().set("b", 1).execute_command("GET").execute()
    equal((str(caught.exception)[:9], r.exists("b")), ("Command #", 0))


@test
def transactions_that_watch(server):
    r = server.client()
    r.set("n", 0)
    with r.pipeline() as pipe:
        pipe.watch("n")
        seen = pipe.get("n")
        r.set("n", 7)
        pipe.multi()
        pipe.set("n", seen + "1")
        with raises(WatchError):
            pipe.execute()
    tries = []

    def add_one(pipe):
        tries.append(int(pipe.get("n")))
        if len(tries) <= 2:
            r.incr("n", 10)
        pipe.multi()
        pipe.set("n", tries[-1] + 1)
    equal((r.transaction(add_one, "n"), tries, r.get("n")), ([True], [7, 17, 27], "28"))

    def add_many(times):
        client = server.client()
        for _ in range(times):
            client.transaction(lambda pipe: (n := int(pipe.get("n")), pipe.multi(),
                                             pipe.set("n", n + 1)), "n")
    r.set("n", 0)
    for thread in [background(add_many, 50) for _ in range(4)]:
        thread.result()
    equal(r.get("n"), "200")


@test
def scripts(server):
    r = server.client()
    add = r.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    equal((add(keys=["n"], args=[5]), add(keys=["n"], args=[5])), (5, 10))
    equal(r.script_exists(add.sha, "0" * 40), [True, False])
    r.script_flush()
    equal((add(keys=["n"], args=[5]), r.script_exists(add.sha)), (15, [True]))
    r.script_flush()
    pipe = r.pipeline()
    pipe.set("n", 1)
    add(keys=["n"], args=[1], client=pipe)
    equal(pipe.execute(), [True, 2])
    equal(r.eval("return {1, 'two', {3.9, false}, redis.status_reply('FINE')}", 0),
          [1, "two", [3, None], "FINE"])
    with raises(ResponseError) as caught:
        r.eval("return redis.error_reply('MINE what went wrong')", 0)
    equal(str(caught.exception), "MINE what went wrong")
    with raises(ResponseError) as caught:
        r.eval("return redis.pcall('GET')", 0)
    assert "Wrong number of args calling Redis command from script" in str(caught.exception)


@test
def functions(server):
    r = server.client()
    code = """#!lua name=counters
        redis.register_function('add', function(keys, args)
            return redis.call('INCRBY', keys[1], args[1]) end)
        redis.register_function{function_name='look', flags={'no-writes'},
            callback=function(keys) return redis.call('GET', keys[1]) end}"""
    equal(r.function_load(code), "counters")
    equal((r.fcall("add", 1, "n", 5), r.fcall_ro("look", 1, "n")), (5, "5"))
    with raises(ResponseError):
        r.fcall_ro("add", 1, "n", 5)
    with raises(ResponseError):
        r.function_load(code)
    dump = server.client(decode_responses=False).function_dump()
    equal((r.function_delete("counters"), r.function_list()), (True, []))
    equal((r.function_restore(dump), r.fcall_ro("look", 1, "n")), (True, "5"))


@test
def streams(server):
    r = server.client()
    for i in range(1, 6):
        equal(r.xadd("s", {"n": i}, id=f"{i}-0"), f"{i}-0")
    equal(r.xrange("s", "2", "3"), [("2-0", {"n": "2"}), ("3-0", {"n": "3"})])
    equal(r.xrevrange("s", count=1), [("5-0", {"n": "5"})])
    equal(r.xread({"s": "4-0"}), [["s", [("5-0", {"n": "5"})]]])
    equal((r.xlen("s"), r.xdel("s", "1-0"), r.xtrim("s", maxlen=3, approximate=False)), (5, 1, 1))
    reader = background(r.xread, {"s": "$"}, block=5000)
    blocked(r)
    equal(r.xadd("s", {"n": 6}, id="6-*"), "6-0")
    equal(reader.result(), [["s", [("6-0", {"n": "6"})]]])
    equal(r.xread({"s": "$"}, block=1), [])
    info = r.xinfo_stream("s")
    equal((info["length"], info["first-entry"], info["max-deleted-entry-id"]),
          (4, ("3-0", {"n": "3"}), "1-0"))
    with raises(ResponseError):
        r.xadd("s", {"n": 0}, id="1-0")


@test
def consumer_groups(server):
    r = server.client()
    equal(r.xgroup_create("s", "g", id="0", mkstream=True), True)
    with raises(ResponseError):
        r.xgroup_create("s", "g")
    for i in range(1, 5):
        r.xadd("s", {"n": i}, id=f"{i}-0")
    equal([i for i, _ in r.xreadgroup("g", "alice", {"s": ">"}, count=2)[0][1]], ["1-0", "2-0"])
    equal([i for i, _ in r.xreadgroup("g", "bob", {"s": ">"})[0][1]], ["3-0", "4-0"])
    equal(r.xreadgroup("g", "bob", {"s": ">"}, block=1), [])
    equal(r.xpending("s", "g"), {"pending": 4, "min": "1-0", "max": "4-0", "consumers": [
        {"name": "alice", "pending": 2}, {"name": "bob", "pending": 2}]})
    equal(r.xack("s", "g", "1-0", "9-0"), 1)
    equal(r.xclaim("s", "g", "bob", 0, ["2-0"], justid=True), ["2-0"])
    equal([(p["message_id"], p["consumer"], p["times_delivered"])
           for p in r.xpending_range("s", "g", "-", "+", 10)],
          [("2-0", "bob", 1), ("3-0", "bob", 1), ("4-0", "bob", 1)])
    r.xdel("s", "3-0")
    equal(r.execute_command("XAUTOCLAIM", "s", "g", "carol", 0, "0"),
          ["0-0", [("2-0", {"n": "2"}), ("4-0", {"n": "4"})], ["3-0"]])
    equal([(c["name"], c["pending"]) for c in r.xinfo_consumers("s", "g")],
          [("alice", 0), ("bob", 0), ("carol", 2)])
    equal([(g["name"], g["consumers"], g["pending"], g["last-delivered-id"])
           for g in r.xinfo_groups("s")], [("g", 3, 2, "4-0")])
    reader = background(r.xreadgroup, "g", "dave", {"s": ">"}, block=5000, noack=True)
    blocked(r)
    r.xadd("s", {"n": 5}, id="5-0")
    equal(reader.result(), [["s", [("5-0", {"n": "5"})]]])
    equal((r.xgroup_delconsumer("s", "g", "carol"), r.xgroup_setid("s", "g", "0")), (2, True))
    equal(r.xgroup_destroy("s", "g"), True)


@test
def blocking_commands(server):
    r = server.client()
    for call, push, popped in (
            (lambda: r.blpop(["a", "b"], 5), lambda: r.rpush("b", 1), ("b", "1")),
            (lambda: r.brpop("a", 5), lambda: r.rpush("a", 1, 2), ("a", "2")),
            (lambda: r.blmove("c", "d", 5, "LEFT", "LEFT"), lambda: r.rpush("c", 3), "3"),
            (lambda: r.brpoplpush("d", "e", 5), None, "3"),
            (lambda: r.bzpopmin("z", 5), lambda: r.zadd("z", {"m": 1, "n": 2}), ("z", "m", 1)),
            (lambda: r.bzpopmax(["y", "z"], 5), None, ("z", "n", 2)),
            (lambda: r.blmpop(5, 2, "k", "l", direction="RIGHT", count=2),
             lambda: r.rpush("l", 1, 2, 3), ["l", ["3", "2"]]),
            (lambda: r.bzmpop(5, 1, ["z"], max=True), lambda: r.zadd("z", {"o": 3}),
             ["z", [["o", "3"]]])):
        popper = background(call)
        if push:  # else it is there already
            blocked(r)
            push()
        equal(popper.result(), popped)
    start = time.monotonic()
    equal((r.blpop("none", 0.05), r.bzpopmin("none", 0.05)), (None, None))
    equal(0.1 <= time.monotonic() - start < 5, True)
    waiting = []
    for i in range(3):
        waiting.append(background(server.client().blpop, "queue", 5))
        blocked(r, i + 1)
    r.rpush("queue", *"abc")
    equal([w.result() for w in waiting], [("queue", "a"), ("queue", "b"), ("queue", "c")])


@test
def locks(server):
    r = server.client()
    lock, other = (r.lock("lock", timeout=10, thread_local=False) for _ in range(2))
    equal((lock.acquire(), other.acquire(blocking=False), lock.locked()), (True, False, True))
    equal((lock.extend(10), 15 < r.ttl("lock") <= 20, lock.reacquire()), (True, True, True))
    waiter = background(other.acquire, blocking_timeout=5)
    lock.release()
    equal((waiter.result(), other.owned(), lock.owned()), (True, True, False))
    r.delete("lock")
    with raises(LockError):
        other.release()
    brief = r.lock("brief", timeout=0.02)
    brief.acquire()
    until(lambda: not r.exists("brief"))
    with raises(LockError):
        brief.release()
    r.set("n", 0)

    def add(times):
        client = server.client()
        for _ in range(times):
            with client.lock("mutex", timeout=10, sleep=0.001):
                client.set("n", int(client.get("n")) + 1)
    for thread in [background(add, 50) for _ in range(4)]:
        thread.result()
    equal(r.get("n"), "200")


def subscribes_again(p, done):
    """The next call of get_message finds the connection lost, and the one after connects."""
    def done_after_a_look():
        with contextlib.suppress(ConnectionError):
            p.get_message()
        return done()
    until(done_after_a_look)


@test
def reconnection_after_client_kill(server):
    r, killer = server.client(client_name="victim"), server.client(client_name="killer")
    p = r.pubsub(ignore_subscribe_messages=True)
    p.subscribe("c")
    p.psubscribe("p*")
    until(lambda: killer.pubsub_numpat() == 1)
    before = r.client_id()
    equal(killer.client_kill_filter(_type="normal", skipme=True), 1)
    equal((r.ping(), r.client_id() > before), (True, True))
    equal(killer.client_kill_filter(_type="pubsub"), 1)
    subscribes_again(p, lambda: killer.pubsub_numsub("c") == [("c", 1)])
    equal((killer.pubsub_numpat(), killer.publish("c", "again")), (1, 1))
    equal(until(p.get_message)["data"], "again")
    # A command that blocks is not sent again by itself.
    waiter = background(r.blpop, "list", 0)
    blocked(killer)
    [victim] = [c for c in killer.client_list() if c["cmd"] == "blpop"]
    equal(killer.client_kill(victim["addr"]), True)
    with raises(ConnectionError):
        waiter.result()


@test
def reconnection_after_a_restart(server):
    server.restart("--appendonly", "yes", "--appendfsync", "always")
    r = server.client()
    p = r.pubsub(ignore_subscribe_messages=True)
    p.subscribe("c")
    r.set("a", 1)
    r.xadd("s", {"n": 1}, id="1-1")
    server.restart("--appendonly", "yes", "--appendfsync", "always")
    equal((r.get("a"), r.xrange("s")), ("1", [("1-1", {"n": "1"})]))
    subscribes_again(p, lambda: r.publish("c", "again") == 1)
    equal(until(p.get_message)["data"], "again")
    server.end()
    with raises(ConnectionError):
        r.ping()
    server.start()
    equal(r.ping(), True)


@test
def a_client_that_gives_up_waiting(server):
    with raises(TimeoutError):
        server.client(socket_timeout=0.1).blpop("list", 5)
    r = server.client()
    blocked(r, 0)
    equal(r.rpush("list", 1), 1)
    equal(r.lrange("list", 0, -1), ["1"])


@test
def the_monitor(server):
    r = server.client()
    with r.monitor() as monitor:
        server.client(db=2).set("k", 'a "b"')
        shown = until(lambda: (m := monitor.next_command())["command"].startswith("SET") and m)
        equal((shown["command"], shown["db"], shown["client_type"]), ('SET k a "b"', 2, "tcp"))


@test
def a_cache_at_the_client(server):
    r = server.client()
    told = r.pubsub(ignore_subscribe_messages=True)
    told.execute_command("CLIENT", "ID")
    cache = server.client(single_connection_client=True)
    equal(cache.client_tracking_on(clientid=told.parse_response()), "OK")
    told.subscribe("__redis__:invalidate")
    until(lambda: r.pubsub_numsub("__redis__:invalidate")[0][1] == 1)
    equal((cache.get("a"), cache.mget("b", "c")), (None, [None, None]))
    r.mset({"a": 1, "c": 3, "untracked": 4})
    equal([until(told.get_message)["data"] for _ in range(2)], [["a"], ["c"]])
    r.set("a", 2)
    cache.get("a")
    r.flushall()
    equal(until(told.get_message)["data"], None)
    equal(cache.client_tracking_off(), "OK")


@test
def saving(server):
    r = server.client()
    r.set("a", 1)
    equal((r.save(), r.lastsave().timestamp() > time.time() - 60), (True, True))
    equal(r.bgsave(), True)
    until(lambda: r.info("persistence")["rdb_bgsave_in_progress"] == 0)
    equal(r.bgrewriteaof(), True)
    until(lambda: r.info("persistence")["aof_rewrite_in_progress"] == 0)
    server.restart()
    equal(r.get("a"), "1")


@test
def asyncio_clients(server):
    async def scenario():
        r = redis.asyncio.Redis(host="127.0.0.1", port=server.port, decode_responses=True)
        equal(await asyncio.gather(*(r.incr("n") for _ in range(10))) != [], True)
        equal(await r.get("n"), "10")
        async with r.pipeline() as pipe:
            equal(await pipe.set("a", 1).incr("a").execute(), [True, 2])
        async with r.pubsub() as p:
            await p.subscribe("c")
            equal((await p.get_message(timeout=5))["type"], "subscribe")
            await r.publish("c", "hello")
            equal((await p.get_message(timeout=5))["data"], "hello")
        waiter = asyncio.create_task(r.blpop("l", 5))
        while (await r.info("clients"))["blocked_clients"] == 0:
            await asyncio.sleep(0.005)
        await r.rpush("l", "x")
        equal(await waiter, ("l", "x"))
        equal([k async for k in r.scan_iter("n*")], ["n"])
        async with r.lock("lock", timeout=5):
            equal(await r.exists("lock"), 1)
        script = r.register_script("return ARGV[1]")
        equal(await script(args=["x"]), "x")
        await r.close()
    asyncio.run(scenario())


run("redis-py")
