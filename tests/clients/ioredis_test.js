'use strict';
/* ioredis_test.js - ioredis on the server: what its users do, one thing a test. */
const assert = require('node:assert').strict;
const Redis = require('ioredis');
const {event, run, test, until} = require('./helper');

/* A client that goes with the test. It connects again at once. */
function client(t, options = {}) {
    const c = new Redis({...t.server.address, retryStrategy: () => 20, ...options});
    c.on('error', () => {});
    t.after(() => c.disconnect());
    return c;
}

const range = (from, to) => Array.from({length: to - from}, (_, i) => from + i);

test('values of every type come back', async (t) => {
    const c = client(t);
    assert.equal(await c.set('s', 'grüße', 'EX', 100, 'NX'), 'OK');
    assert.deepEqual(
        [await c.get('s'), await c.ttl('s') > 90, await c.get('none')], ['grüße', true, null]);
    const bytes = Buffer.from([...range(0, 256), 13, 10]);
    await c.set(bytes, bytes);
    assert.deepEqual(await c.getBuffer(bytes), bytes);
    assert.equal(await c.hset('h', {a: 1, b: 'x'}), 2);
    assert.deepEqual(await c.hgetall('h'), {a: '1', b: 'x'});
    assert.equal(await c.rpush('l', 1, 2, 3), 3);
    assert.deepEqual(await c.lrange('l', 0, -1), ['1', '2', '3']);
    assert.equal(await c.sadd('set', 'a', 'b'), 2);
    assert.deepEqual((await c.smembers('set')).sort(), ['a', 'b']);
    assert.equal(await c.zadd('z', 1.5, 'a', 2, 'b'), 2);
    assert.deepEqual(await c.zrange('z', 0, -1, 'WITHSCORES'), ['a', '1.5', 'b', '2']);
    assert.equal(await c.incrbyfloat('f', 0.1), '0.1');
    assert.deepEqual(await c.mget('f', 'none'), ['0.1', null]);
    assert.equal(await c.geoadd('g', 13.361389, 38.115556, 'Palermo'), 1);
    assert.deepEqual(
        await c.geosearch('g', 'FROMLONLAT', 13, 38, 'BYRADIUS', 100, 'km'), ['Palermo']);
    const big = 'x'.repeat(5 << 20);
    await c.set('big', big);
    assert.equal(await c.get('big') === big, true);
    await assert.rejects(c.get('l'), {name: 'ReplyError', message: /^WRONGTYPE /});
    await assert.rejects(c.call('NOSUCH'), {message: /^ERR unknown command 'NOSUCH'/});
});

test('a prefix goes before all keys', async (t) => {
    const plain = client(t);
    const c = client(t, {keyPrefix: 'p:'});
    await c.mset('a', 1, 'b', 2);
    await c.eval('return redis.call("SET", KEYS[1], ARGV[1])', 1, 'c', 3);
    await c.zadd('z', 1, 'm');
    await c.zunionstore('u', 1, 'z');
    assert.deepEqual((await plain.keys('*')).sort(), ['p:a', 'p:b', 'p:c', 'p:u', 'p:z']);
    assert.deepEqual(await c.mget('a', 'b', 'c'), ['1', '2', '3']);
});

test('pipelines', async (t) => {
    const c = client(t);
    const replies = await c.pipeline().set('a', 1).lpush('a', 1).incr('a').exec();
    assert.deepEqual([replies[0], replies[2]], [[null, 'OK'], [null, 2]]);
    assert.match(replies[1][0].message, /^WRONGTYPE /);
    const pipe = c.pipeline();
    for (const i of range(0, 20000)) pipe.rpush('l', i);
    assert.deepEqual((await pipe.exec()).map(([, n]) => n), range(1, 20001));
    assert.deepEqual(
        await c.pipeline([['get', 'a'], ['llen', 'l']]).exec(), [[null, '2'], [null, 20000]]);
});

test('pipelines that make themselves', async (t) => {
    const c = client(t, {enableAutoPipelining: true});
    assert.deepEqual(await Promise.all(range(0, 1000).map(() => c.incr('n'))), range(1, 1001));
    const mixed = await Promise.allSettled([c.get('n'), c.lpush('n', 1), c.get('none')]);
    assert.deepEqual([mixed[0].value, mixed[1].status, mixed[2].value], ['1000', 'rejected', null]);
    assert.equal(c.autoPipelineQueueSize, 0);
});

test('transactions', async (t) => {
    const c = client(t);
    const other = client(t);
    assert.deepEqual(await c.multi().set('a', 1).get('a').exec(), [[null, 'OK'], [null, '1']]);
    const replies = await c.multi().lpush('a', 1).incr('a').exec();
    assert.match(replies[0][0].message, /^WRONGTYPE /);
    assert.deepEqual(replies[1], [null, 2]);
    await c.watch('a');
    await other.set('a', 10);
    assert.equal(await c.multi().set('a', 20).exec(), null);
    assert.equal(await c.get('a'), '10');
    await c.watch('a');
    await c.unwatch();
    await other.set('a', 11);
    assert.deepEqual(await c.multi().incr('a').exec(), [[null, 12]]);
    assert.equal(await c.multi({pipeline: false}), 'OK');
    assert.equal(await c.set('b', 1), 'QUEUED');
    assert.deepEqual(await c.exec(), [[null, 'OK']]);
    await c.multi({pipeline: false});
    await assert.rejects(c.call('NOSUCH'), {message: /unknown command/});
    await assert.rejects(c.exec(), {message: /^EXECABORT /});
    await c.multi({pipeline: false});
    assert.equal(await c.discard(), 'OK');
});

test('commands of Lua', async (t) => {
    const c = client(t);
    c.defineCommand('addAll', {
        numberOfKeys: 1,
        lua: 'for _, n in ipairs(ARGV) do redis.call("INCRBY", KEYS[1], n) end ' +
            'return tonumber(redis.call("GET", KEYS[1]))',
    });
    c.defineCommand(
        'many', {lua: 'return {KEYS, ARGV, {1, "two", false}, redis.status_reply("OK")}'});
    assert.equal(await c.addAll('n', 1, 2, 3), 6);
    await c.script('FLUSH');
    assert.equal(await c.addAll('n', 1), 7);
    await c.script('FLUSH');
    assert.deepEqual(
        await c.pipeline().addAll('n', 1).addAll('n', 1).exec(), [[null, 8], [null, 9]]);
    assert.deepEqual(await c.multi().addAll('n', 1).exec(), [[null, 10]]);
    await c.script('FLUSH');
    assert.match((await c.multi().addAll('n', 1).exec())[0][0].message, /^NOSCRIPT /);
    assert.deepEqual(await c.many(2, 'a', 'b', 'c'), [['a', 'b'], ['c'], [1, 'two', null], 'OK']);
    assert.deepEqual(
        await c.manyBuffer(0, 'c'),
        [[], [Buffer.from('c')], [1, Buffer.from('two'), null], Buffer.from('OK')]);
    await assert.rejects(
        c.eval('return redis.call("INCR")', 0), {message: /^ERR Wrong number of args/});
    assert.equal(
        await c.eval('return redis.sha1hex(ARGV[1])', 0, 'x'),
        '11f6ad8ec52a2984abaafd7c3b516503785c2072');
});

test('publish and subscribe', async (t) => {
    const c = client(t);
    const sub = client(t);
    const heard = [];
    for (const name of ['message', 'pmessage', 'pmessageBuffer']) {
        sub.on(name, (...words) => heard.push([name, ...words.map(String)]));
    }
    assert.equal(await sub.subscribe('a', 'b'), 2);
    assert.equal(await sub.psubscribe('a*', '?[a-c]'), 4);
    assert.equal(await c.publish('a', 'one'), 2);
    assert.equal(await c.publish('xb', 'two'), 1);
    assert.equal(await c.publish('none', ''), 0);
    await until(() => heard.length === 5);
    assert.deepEqual(heard, [
        ['message', 'a', 'one'], ['pmessage', 'a*', 'a', 'one'],
        ['pmessageBuffer', 'a*', 'a', 'one'], ['pmessage', '?[a-c]', 'xb', 'two'],
        ['pmessageBuffer', '?[a-c]', 'xb', 'two']
    ]);
    await assert.rejects(sub.get('a'), {message: /subscriber mode/});
    assert.deepEqual(await sub.ping(), ['pong', '']);
    assert.deepEqual(
        [await c.pubsub('NUMSUB', 'a', 'none'), await c.pubsub('NUMPAT')],
        [['a', 1, 'none', 0], 2]);
    assert.equal(await sub.unsubscribe('a', 'b'), 2);
    assert.equal(await sub.punsubscribe(), 0);
    await sub.set('a', 1);
    assert.equal(await sub.get('a'), '1');
});

test('messages keep their order', async (t) => {
    const c = client(t);
    const sub = client(t);
    const heard = [];
    sub.on('message', (_, text) => heard.push(Number(text)));
    await sub.subscribe('c');
    await Promise.all(range(0, 20000).map((i) => c.publish('c', i)));
    await until(() => heard.length >= 20000);
    assert.deepEqual(heard, range(0, 20000));
});

test('sharded channels', async (t) => {
    const c = client(t);
    const sub = client(t);
    assert.equal(await sub.ssubscribe('a', 'b'), 2);
    const next = event(sub, 'smessage');
    assert.equal(await c.publish('a', 'of another kind'), 0);
    assert.equal(await c.spublish('a', 'one'), 1);
    assert.deepEqual(await next, ['a', 'one']);
    assert.deepEqual((await c.pubsub('SHARDCHANNELS')).sort(), ['a', 'b']);
    assert.deepEqual(await c.pubsub('SHARDNUMSUB', 'a'), ['a', 1]);
    assert.equal(await sub.sunsubscribe('a'), 1);
    assert.equal(await sub.sunsubscribe(), 0);
});

test('streams', async (t) => {
    const c = client(t);
    const reader = client(t);
    const waiting = reader.xread('BLOCK', 0, 'STREAMS', 's', '$');
    await until(async () => /blocked_clients:1/.test(await c.info('clients')));
    const id = await c.xadd('s', '*', 'a', 1, 'b', 2);
    assert.deepEqual(await waiting, [['s', [[id, ['a', '1', 'b', '2']]]]]);
    assert.equal(await c.xgroup('CREATE', 's', 'g', '0'), 'OK');
    await assert.rejects(c.xgroup('CREATE', 's', 'g', '0'), {message: /^BUSYGROUP /});
    assert.deepEqual(
        await c.xreadgroup('GROUP', 'g', 'alice', 'STREAMS', 's', '>'),
        [['s', [[id, ['a', '1', 'b', '2']]]]]);
    assert.deepEqual(await c.xpending('s', 'g'), [1, id, id, [['alice', '1']]]);
    assert.deepEqual(
        await c.xautoclaim('s', 'g', 'bob', 0, '0'), ['0-0', [[id, ['a', '1', 'b', '2']]], []]);
    assert.equal(await c.xack('s', 'g', id), 1);
    assert.equal(await c.xreadgroup('GROUP', 'g', 'bob', 'BLOCK', 1, 'STREAMS', 's', '>'), null);
    for (const i of range(0, 100)) await c.xadd('s', 'MAXLEN', '=', 50, '*', 'i', i);
    assert.equal((await c.xrange('s', '-', '+')).length, 50);
});

test('scans as streams', async (t) => {
    const c = client(t);
    const pipe = c.pipeline();
    for (const i of range(0, 2000))
        pipe.set(`k:${i}`, i).sadd('set', i).hset('hash', i, i).zadd('zset', i, i);
    await pipe.exec();
    const all = async (stream) => {
        const found = [];
        for await (const part of stream) found.push(...part);
        return new Set(found);
    };
    const numbers = range(0, 2000);
    assert.deepEqual(
        await all(c.scanStream({match: 'k:*', count: 100})), new Set(numbers.map((i) => `k:${i}`)));
    assert.deepEqual(await all(c.scanStream({type: 'zset'})), new Set(['zset']));
    assert.deepEqual(await all(c.sscanStream('set')), new Set(numbers.map(String)));
    assert.deepEqual(await all(c.hscanStream('hash')), new Set(numbers.map(String)));
    assert.deepEqual(await all(c.zscanStream('zset')), new Set(numbers.map(String)));
    assert.deepEqual(await all(c.scanBufferStream({match: 'set'})), new Set([Buffer.from('set')]));
});

test('a monitor', async (t) => {
    const c = client(t, {db: 2});
    /* ioredis is lost if a command is shown to it in the same packet as MONITOR's own reply. */
    await c.ping();
    const monitor = await c.monitor();
    monitor.on('error', () => {});
    t.after(() => monitor.disconnect());
    const next = event(monitor, 'monitor');
    await c.set('k', 'a "b"');
    const [time, words, source, database] = await next;
    assert.ok(Math.abs(Number(time) * 1000 - Date.now()) < 60000);
    assert.deepEqual([words, database], [['set', 'k', 'a "b"'], '2']);
    assert.match(source, /^127\.0\.0\.1:\d+$/);
});

test('a killed client comes back', async (t) => {
    const killer = client(t);
    const c = client(t, {connectionName: 'victim', db: 3});
    const sub = client(t);
    await sub.subscribe('a');
    await sub.psubscribe('b*');
    await sub.ssubscribe('c');
    await c.set('k', 1);
    const before = await c.client('ID');
    const ready = event(c, 'ready');
    assert.equal(await killer.client('KILL', 'ID', before), 1);
    await ready;
    assert.ok(await c.client('ID') > before);
    assert.deepEqual([await c.get('k'), await c.client('GETNAME')], ['1', 'victim']);
    assert.equal(await killer.client('KILL', 'TYPE', 'pubsub'), 1);
    const channels = async () => [await killer.publish('a', 1), await killer.publish('bb', 2),
                                  await killer.spublish('c', 3)]
                                     .join();
    await until(async () => await channels() === '1,1,1');
});

test('a command that waits is sent again', async (t) => {
    const c = client(t);
    const waiter = client(t);
    const popped = waiter.blpop('l', 0);
    await until(async () => /blocked_clients:1/.test(await c.info('clients')));
    const ready = event(waiter, 'ready');
    assert.equal(await c.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes'), 1);
    await ready;
    await c.rpush('l', 'x');
    assert.deepEqual(await popped, ['l', 'x']);
});

test('a restart on the same port', async (t) => {
    await t.server.restart('--appendonly', 'yes', '--appendfsync', 'always');
    const c = client(t, {maxRetriesPerRequest: null}); /* however long it takes */
    const sub = client(t);
    const ready = event(sub, 'ready');
    await sub.subscribe('a');
    await ready;
    c.defineCommand('add', {numberOfKeys: 1, lua: 'return redis.call("INCRBY", KEYS[1], ARGV[1])'});
    await c.add('n', 5);
    const closed = event(c, 'close');
    await t.server.end();
    await closed;
    const queued = [c.add('n', 5), c.get('n')];
    await t.server.start('--appendonly', 'yes');
    assert.deepEqual(await Promise.all(queued), [10, '10']);
    await until(async () => await c.publish('a', 'again') === 1);
});

test('a password', async (t) => {
    await t.server.restart('--requirepass', 'secret');
    assert.equal(await client(t, {password: 'secret'}).ping(), 'PONG');
    assert.equal(await client(t, {username: 'default', password: 'secret'}).ping(), 'PONG');
    await assert.rejects(client(t, {maxRetriesPerRequest: 0}).get('a'), {message: /^NOAUTH /});
    const wrong = client(t, {username: 'default', password: 'wrong'});
    const [error] = await event(wrong, 'error');
    assert.match(error.message, /^WRONGPASS /);
});

run('ioredis');
