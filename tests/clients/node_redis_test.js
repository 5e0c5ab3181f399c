'use strict';
/* node_redis_test.js - node-redis on the server, in both protocols: what its users do. */
const assert = require('node:assert').strict;
const redis = require('redis');
const {event, run, test, until} = require('./helper');

/* A connected client that goes with the test. It connects again at once. */
async function client(t, options = {}) {
    const socket = {...t.server.address, reconnectStrategy: () => 20};
    const c = redis.createClient({...options, socket});
    c.on('error', () => {});
    t.after(() => c.isOpen && c.destroy());
    return c.connect();
}

const range = (from, to) => Array.from({length: to - from}, (_, i) => from + i);

/* The same test in RESP2 and in RESP3; connect makes its clients. */
function inBoth(name, body) {
    for (const RESP of [2, 3]) {
        test(
            `${name}, RESP${RESP}`,
            (t) => body(t, (options) => client(t, {RESP, ...options}), RESP));
    }
}

inBoth('values of every type come back', async (t, connect) => {
    const c = await connect();
    assert.equal(
        await c.set('s', 'grüße', {expiration: {type: 'EX', value: 100}, condition: 'NX'}), 'OK');
    assert.deepEqual(
        [await c.get('s'), await c.ttl('s') > 90, await c.get('none')], ['grüße', true, null]);
    const bytes = Buffer.from([...range(0, 256), 13, 10]);
    const binary = c.withTypeMapping({[redis.RESP_TYPES.BLOB_STRING]: Buffer});
    await c.set('bytes', bytes);
    assert.deepEqual(await binary.get('bytes'), bytes);
    assert.equal(await c.hSet('h', {a: 1, b: 'x'}), 2);
    assert.deepEqual({...await c.hGetAll('h')}, {a: '1', b: 'x'});
    assert.deepEqual({...await c.hGetAll('none')}, {});
    assert.deepEqual([await c.hExists('h', 'a'), await c.hmGet('h', ['b', 'z'])], [1, ['x', null]]);
    assert.equal(await c.rPush('l', ['1', '2', '3']), 3);
    assert.deepEqual(
        [await c.lRange('l', 0, -1), await c.lPopCount('l', 2)], [['1', '2', '3'], ['1', '2']]);
    assert.equal(await c.sAdd('set', ['a', 'b']), 2);
    assert.deepEqual((await c.sMembers('set')).sort(), ['a', 'b']);
    assert.deepEqual(await c.smIsMember('set', ['a', 'z']), [1, 0]);
    assert.equal(await c.zAdd('z', [{value: 'a', score: 1.5}, {value: 'b', score: Infinity}]), 2);
    assert.deepEqual(
        await c.zRangeWithScores('z', 0, -1),
        [{value: 'a', score: 1.5}, {value: 'b', score: Infinity}]);
    assert.deepEqual(
        [await c.zScore('z', 'a'), await c.zmScore('z', ['a', 'none'])], [1.5, [1.5, null]]);
    assert.equal(await c.zIncrBy('z', -3, 'a'), -1.5);
    assert.deepEqual(await c.zPopMin('z'), {value: 'a', score: -1.5});
    assert.equal(
        await c.geoAdd('g', {longitude: 13.361389, latitude: 38.115556, member: 'Palermo'}), 1);
    assert.equal(await c.geoDist('g', 'Palermo', 'Palermo'), 0);
    const [place] = await c.geoPos('g', 'Palermo');
    assert.equal(Number(place.longitude).toFixed(5), '13.36139');
    assert.deepEqual([await c.pfAdd('hll', ['a', 'b']), await c.pfCount('hll')], [1, 2]);
    assert.deepEqual(
        [await c.copy('s', 't'), await c.persist('t'), await c.type('t')], [1, 1, 'string']);
    assert.equal(await c.lcsLen('s', 't'), 7);
    assert.deepEqual(
        await c.hRandFieldCountWithValues('h', 5),
        [{field: 'a', value: '1'}, {field: 'b', value: 'x'}]);
    await assert.rejects(c.get('l'), {name: 'Error', message: /^WRONGTYPE /});
    await assert.rejects(c.sendCommand(['NOSUCH']), {message: /^ERR unknown command 'NOSUCH'/});
});

test('types of RESP3 are those of JavaScript', async (t) => {
    const c = await client(t, {RESP: 3});
    const as = (mapping) => c.withTypeMapping(mapping);
    await c.hSet('h', {a: 1});
    await c.sAdd('s', 'a');
    await c.zAdd('z', {value: 'a', score: 1.5});
    assert.deepEqual(await as ({[redis.RESP_TYPES.MAP]: Map}).hGetAll('h'), new Map([['a', '1']]));
    assert.deepEqual(await as ({[redis.RESP_TYPES.SET]: Set}).sMembers('s'), new Set(['a']));
    assert.equal(await as ({[redis.RESP_TYPES.DOUBLE]: String}).zScore('z', 'a'), '1.5');
    assert.equal(await c.sendCommand(['ZSCORE', 'z', 'a']), 1.5);
    assert.equal(await c.eval('redis.setresp(3) return true'), true);
    assert.equal(await c.eval('redis.setresp(3) return {double=1.25}'), 1.25);
    assert.deepEqual({...await c.eval('redis.setresp(3) return {map={a=1}}')}, {a: 1});
    assert.equal(await c.eval('return {big_number="12345678901234567890"}'), 12345678901234567890n);
    const verbatim =
        await as ({[redis.RESP_TYPES.VERBATIM_STRING]: redis.VerbatimString}).info('server');
    assert.equal(verbatim.format, 'txt');
    assert.deepEqual(
        [await c.sendCommand(['GET', 'none']), await c.sendCommand(['HGET', 'h', 'z'])],
        [null, null]);
    assert.deepEqual((await c.hello(3)).proto, 3);
});

inBoth('the handshake', async (t, connect, RESP) => {
    const c = await connect({name: 'one', database: 3, clientInfoTag: 'tag'});
    const info = await c.clientInfo();
    assert.deepEqual([info.name, info.db, info.resp ?? RESP], ['one', 3, RESP]);
    await t.server.restart('--requirepass', 'secret');
    const known = await connect({password: 'secret'});
    assert.equal(await known.ping(), 'PONG');
    await assert.rejects(async () => {
        const socket = {...t.server.address, reconnectStrategy: false};
        await redis.createClient({RESP, password: 'wrong', socket}).on('error', () => {}).connect();
    }, {message: /^WRONGPASS /});
});

inBoth('commands of one turn go as one pipeline', async (t, connect) => {
    const c = await connect();
    assert.deepEqual(await Promise.all(range(0, 10000).map(() => c.incr('n'))), range(1, 10001));
    const mixed = await Promise.allSettled([c.get('n'), c.lPush('n', '1'), c.get('none')]);
    assert.deepEqual(
        [mixed[0].value, mixed[1].status, mixed[2].value], ['10000', 'rejected', null]);
    const big = 'x'.repeat(1 << 20);
    const bigs = range(0, 16).map((i) => [c.set(`b${i}`, big + i), c.get(`b${i}`)]);
    for (const [i, [, got]] of bigs.entries()) assert.equal(await got === big + i, true);
});

inBoth('transactions', async (t, connect) => {
    const c = await connect();
    const other = await connect();
    assert.deepEqual(
        await c.multi().set('a', '1').get('a').hSet('h', 'f', 'v').hGetAll('h').exec(),
        ['OK', '1', 1, Object.assign(Object.create(null), {f: 'v'})]);
    assert.deepEqual(await c.multi().incr('a').incr('a').execAsPipeline(), [2, 3]);
    await assert.rejects(c.multi().lPush('a', '1').incr('a').exec(), (e) => {
        assert.match(e.replies[0].message, /^WRONGTYPE /);
        assert.equal(e.replies[1], 4);
        return true;
    });
    await c.watch('a');
    await other.set('a', '10');
    await assert.rejects(c.multi().set('a', '20').exec(), redis.WatchError);
    assert.equal(await c.get('a'), '10');
    await c.watch('a');
    assert.deepEqual(await c.multi().incr('a').exec(), [11]);
    await assert.rejects(
        c.multi().addCommand(['NOSUCH']).incr('a').exec(), /unknown command|EXECABORT/);
    assert.equal(await c.get('a'), '11');
});

inBoth('scripts and functions', async (t, connect) => {
    const add = redis.defineScript({
        SCRIPT: 'return redis.call("INCRBY", KEYS[1], ARGV[1])',
        NUMBER_OF_KEYS: 1,
        parseCommand(parser, key, n) {
            parser.pushKey(key);
            parser.push(String(n));
        },
        transformReply: (reply) => reply,
    });
    const get = {
        NUMBER_OF_KEYS: 1,
        parseCommand: (parser, key) => parser.pushKey(key),
        transformReply: (reply) => reply,
    };
    const c = await connect({scripts: {add}, functions: {lib: {get}}});
    assert.deepEqual([await c.add('n', 5), await c.add('n', 5)], [5, 10]);
    await c.scriptFlush();
    assert.equal(await c.add('n', 1), 11);
    assert.deepEqual(await c.multi().add('n', 1).add('n', 1).exec(), [12, 13]);
    assert.equal(
        await c.functionLoad(
            '#!lua name=lib\n' +
            'redis.register_function{function_name="get", flags={"no-writes"},' +
            ' callback=function(keys) return redis.call("GET", keys[1]) end}'),
        'lib');
    assert.equal(await c.lib.get('n'), '13');
    assert.deepEqual(
        (await c.functionList()).map((l) => [l.library_name, l.engine]), [['lib', 'LUA']]);
    assert.deepEqual(
        await c.eval('return {KEYS[1], ARGV, {1, false}}', {keys: ['k'], arguments: ['a']}),
        ['k', ['a'], [1, null]]);
    await assert.rejects(c.eval('return redis.error_reply("MINE x")'), {message: 'MINE x'});
});

inBoth('publish and subscribe', async (t, connect, RESP) => {
    const c = await connect();
    const sub = await connect();
    const heard = [];
    const listener = (text, channel) => heard.push([channel, text]);
    await sub.subscribe(['a', 'b'], listener);
    await sub.pSubscribe('a*', listener);
    await sub.sSubscribe('s', listener);
    assert.deepEqual(
        [
            await c.publish('a', 'one'), await c.publish('ax', 'two'), await c.publish('s', ''),
            await c.sPublish('s', 'three')
        ],
        [2, 1, 0, 1]);
    await until(() => heard.length === 4);
    assert.deepEqual(heard, [['a', 'one'], ['a', 'one'], ['ax', 'two'], ['s', 'three']]);
    assert.deepEqual({...await c.pubSubNumSub(['a', 'none'])}, {a: 1, none: 0});
    assert.deepEqual(
        [(await c.pubSubChannels()).sort(), await c.pubSubNumPat(), await c.pubSubShardChannels()],
        [['a', 'b'], 1, ['s']]);
    /* RESP3 has pushes: the same connection takes commands as well. */
    if (RESP === 3) {
        assert.equal(await sub.set('k', 'v'), 'OK');
        const own = sub.publish('a', 'own');
        assert.deepEqual([await own, await sub.get('k')], [2, 'v']);
        await until(() => heard.length === 6);
    }
    assert.match(await sub.ping(), /^pong$/i);
    /* Without names node-redis waits for ever in RESP3, with any server. */
    await sub.unsubscribe(['a', 'b']);
    await sub.pUnsubscribe('a*');
    await sub.sUnsubscribe('s');
    assert.equal(await c.publish('a', 'nobody'), 0);
    assert.equal(await sub.get('none'), null);
});

inBoth('messages keep their order', async (t, connect) => {
    const c = await connect();
    const sub = await connect();
    const heard = [];
    await sub.subscribe('c', (text) => heard.push(Number(text)));
    await sub.sSubscribe('s', (bytes) => heard.push(-bytes.length), true);
    for (const i of range(0, 10)) {
        await Promise.all(range(1000 * i, 1000 * i + 1000).map((n) => c.publish('c', String(n))));
    }
    await c.sPublish('s', 'x'.repeat(1 << 20));
    await until(() => heard.length === 10001);
    assert.deepEqual(heard, [...range(0, 10000), -(1 << 20)]);
});

test('commands between messages of the same connection', async (t) => {
    const c = await client(t, {RESP: 3});
    let heard = 0;
    await c.subscribe('c', () => heard++);
    const replies =
        await Promise.all(range(0, 3000).map((i) => i % 2 ? c.publish('c', 'x') : c.incr('n')));
    assert.deepEqual(replies.filter((_, i) => i % 2 === 0), range(1, 1501));
    assert.deepEqual(new Set(replies.filter((_, i) => i % 2)), new Set([1]));
    await until(() => heard === 1500);
});

inBoth('streams', async (t, connect, RESP) => {
    /* In RESP3 node-redis hands XREAD's map on as it is, if asked to. */
    const c = await connect({unstableResp3: true});
    const reader = await connect({unstableResp3: true});
    const waiting = reader.xRead({key: 's', id: '$'}, {BLOCK: 0});
    await until(async () => /blocked_clients:1/.test(await c.info('clients')));
    const id = await c.xAdd('s', '*', {a: '1', b: '2'});
    const plain = (x) => JSON.parse(JSON.stringify(x));
    const entry = {id, message: {a: '1', b: '2'}};
    const entries = (reply) => RESP === 2 ?
        plain(reply)[0].messages :
        reply.s.map(([id, [a, one, b, two]]) => ({id, message: {[a]: one, [b]: two}}));
    assert.deepEqual(entries(await waiting), [entry]);
    assert.equal(await c.xGroupCreate('s', 'g', '0'), 'OK');
    await assert.rejects(c.xGroupCreate('s', 'g', '0'), {message: /^BUSYGROUP /});
    assert.deepEqual(entries(await c.xReadGroup('g', 'alice', {key: 's', id: '>'})), [entry]);
    assert.equal(await c.xReadGroup('g', 'alice', {key: 's', id: '>'}, {BLOCK: 1}), null);
    assert.deepEqual(
        plain(await c.xPending('s', 'g')),
        {pending: 1, firstId: id, lastId: id, consumers: [{name: 'alice', deliveriesCounter: 1}]});
    assert.equal((await c.xPendingRange('s', 'g', '-', '+', 5))[0].deliveriesCounter, 1);
    const claimed = plain(await c.xAutoClaim('s', 'g', 'bob', 0, '0'));
    assert.deepEqual([claimed.nextId, claimed.messages[0].id], ['0-0', id]);
    assert.equal(await c.xAck('s', 'g', id), 1);
    for (const i of range(0, 100)) {
        await c.xAdd(
            's', '*', {i: String(i)},
            {TRIM: {strategy: 'MAXLEN', strategyModifier: '=', threshold: 50}});
    }
    assert.deepEqual(
        [await c.xLen('s'), (await c.xRange('s', '-', '+', {COUNT: 7})).length], [50, 7]);
    assert.deepEqual(
        (await c.xInfoGroups('s')).map((g) => [g.name, g.consumers, g.pending]), [['g', 2, 0]]);
    assert.equal((await c.xInfoStream('s')).length, 50);
});

inBoth('scans as iterators', async (t, connect) => {
    const c = await connect();
    const numbers = range(0, 2000);
    await Promise.all(numbers.map(
        (i) => c.multi()
                   .set(`k:${i}`, i)
                   .sAdd('set', String(i))
                   .hSet('hash', i, i)
                   .zAdd('zset', {value: String(i), score: i})
                   .execAsPipeline()));
    const all = async (iterator, f = (x) => x) => {
        const found = [];
        for await (const part of iterator) found.push(...part.map(f));
        return new Set(found);
    };
    assert.deepEqual(
        await all(c.scanIterator({MATCH: 'k:*', COUNT: 100})),
        new Set(numbers.map((i) => `k:${i}`)));
    assert.deepEqual(await all(c.sScanIterator('set')), new Set(numbers.map(String)));
    assert.deepEqual(
        await all(c.hScanIterator('hash'), (e) => e.field), new Set(numbers.map(String)));
    assert.deepEqual(await all(c.zScanIterator('zset'), (e) => e.score), new Set(numbers));
});

inBoth('a pool', async (t, connect, RESP) => {
    const pool =
        redis.createClientPool({RESP, socket: {...t.server.address}}, {minimum: 2, maximum: 8});
    await pool.connect();
    t.after(() => pool.destroy());
    const waiting = range(0, 4).map(() => pool.execute((c) => c.blPop('l', 10)));
    const watcher = await connect();
    await until(async () => /blocked_clients:4/.test(await watcher.info('clients')));
    assert.equal(await pool.rPush('l', ['a', 'b', 'c', 'd']), 4);
    assert.deepEqual(
        (await Promise.all(waiting)).map((r) => r.element).sort(), ['a', 'b', 'c', 'd']);
    await Promise.all(range(0, 20).map(() => pool.execute(async (c) => {
        for (let done = false; !done;) {
            await c.watch('n');
            const n = Number(await c.get('n'));
            done = await c.multi().set('n', n + 1).exec().then(() => true, (e) => {
                assert.ok(e instanceof redis.WatchError);
                return false;
            });
        }
    })));
    assert.equal(await pool.get('n'), '20');
});

inBoth('blocking commands', async (t, connect) => {
    const c = await connect();
    const waiter = await connect();
    const cases = [
        [() => waiter.blPop(['a', 'b'], 5), () => c.rPush('b', '1'), {key: 'b', element: '1'}],
        [() => waiter.blMove('c', 'd', 'LEFT', 'RIGHT', 5), () => c.rPush('c', '2'), '2'],
        [
            () => waiter.bzPopMax('z', 5), () => c.zAdd('z', {value: 'm', score: 1.5}),
            {key: 'z', value: 'm', score: 1.5}
        ],
        [
            () => waiter.blmPop(5, ['x', 'y'], 'RIGHT', {COUNT: 2}),
            () => c.rPush('y', ['1', '2', '3']), ['y', ['3', '2']]
        ],
    ];
    for (const [wait, push, popped] of cases) {
        const result = wait();
        await until(async () => /blocked_clients:1/.test(await c.info('clients')));
        await push();
        assert.deepEqual(await result, popped);
    }
    assert.equal(await waiter.blPop('none', 0.01), null);
});

inBoth('a monitor', async (t, connect) => {
    const c = await connect({database: 2});
    const monitor = await connect();
    const shown = [];
    await monitor.monitor((line) => shown.push(String(line)));
    await c.set('k', 'a "b"\r\n');
    await until(() => shown.length > 0);
    assert.match(shown[0], /^\d+\.\d{6} \[2 127\.0\.0\.1:\d+\] "SET" "k" "a \\"b\\"\\r\\n"$/);
});

inBoth('a killed client comes back', async (t, connect) => {
    const killer = await connect();
    const c = await connect({name: 'victim', database: 3});
    const sub = await connect();
    await sub.subscribe('a', () => {});
    await sub.pSubscribe('b*', () => {});
    await sub.sSubscribe('c', () => {});
    await c.set('k', '1');
    const before = await c.clientId();
    const ready = event(c, 'ready');
    assert.equal(await killer.clientKill({filter: 'ID', id: before}), 1);
    await ready;
    assert.ok(await c.clientId() > before);
    assert.deepEqual([await c.get('k'), await c.clientGetName()], ['1', 'victim']);
    assert.equal(await killer.clientKill({filter: 'TYPE', type: 'PUBSUB'}), 1);
    await until(
        async () => [await killer.publish('a', '1'), await killer.publish('bb', '2'),
                     await killer.sPublish('c', '3')]
                        .join() === '1,1,1');
    const waiting = c.blPop('l', 0);
    await until(async () => /blocked_clients:1/.test(await killer.info('clients')));
    const {id} = (await killer.clientList()).find((x) => x.cmd === 'blpop');
    await Promise.all([assert.rejects(waiting), killer.clientKill({filter: 'ID', id})]);
});

inBoth('a restart on the same port', async (t, connect) => {
    await t.server.restart('--appendonly', 'yes', '--appendfsync', 'always');
    const c = await connect();
    const sub = await connect();
    await sub.subscribe('a', () => {});
    await c.set('n', '5');
    const gone = event(c, 'reconnecting');
    await t.server.end();
    await gone;
    const queued = [c.incr('n'), c.get('n')];
    await t.server.start('--appendonly', 'yes');
    assert.deepEqual(await Promise.all(queued), [6, '6']);
    await until(async () => await c.publish('a', 'again') === 1);
});

inBoth('pings at intervals', async (t, connect) => {
    const c = await connect({pingInterval: 20});
    const [reply] = await event(c, 'ping-interval');
    assert.equal(reply, 'PONG');
});

test('a cache at the client', async (t) => {
    const cache = new redis.BasicClientSideCache({ttl: 0, maxEntries: 100, evictPolicy: 'LRU'});
    const c = await client(t, {RESP: 3, clientSideCache: cache});
    const other = await client(t);
    await other.set('a', '1');
    await other.hSet('h', 'f', '1');
    const invalid = () => event(cache, 'invalidate');
    const counts = () => [cache.stats().hitCount, cache.stats().missCount];
    assert.deepEqual([await c.get('a'), await c.get('a'), await c.hGet('h', 'f')], ['1', '1', '1']);
    assert.deepEqual(counts(), [1, 2]);
    let told = invalid();
    await other.set('a', '2');
    assert.equal(String((await told)[0]), 'a');
    assert.deepEqual([await c.get('a'), await c.hGet('h', 'f')], ['2', '1']);
    assert.deepEqual(counts(), [2, 3]);
    told = invalid();
    await other.pExpire('a', 10);
    await told;
    assert.equal(
        await c.get('a') === null || await until(async () => await c.get('a') === null), true);
    told = invalid();
    await other.flushAll();
    await told;
    assert.equal(await c.hGet('h', 'f'), null);
    /* A value that changes all the time is never seen older than its invalidation. */
    for (const i of range(0, 200)) {
        await other.set('n', String(i));
        await until(async () => await c.get('n') === String(i));
    }
    /* What is cached does not outlive the connection. */
    assert.ok(cache.size() > 0);
    const ready = event(c, 'ready');
    await other.clientKill({filter: 'TYPE', type: 'NORMAL', skipMe: true});
    await ready;
    assert.equal(cache.size(), 0);
    await other.set('n', 'new');
    assert.equal(await c.get('n'), 'new');
});

test('a cache that a pool shares', async (t) => {
    const cache = new redis.BasicPooledClientSideCache({ttl: 0, maxEntries: 100});
    const pool = redis.createClientPool(
        {RESP: 3, socket: {...t.server.address}}, {minimum: 4, maximum: 4, clientSideCache: cache});
    await pool.connect();
    t.after(() => pool.destroy());
    const other = await client(t);
    await other.mSet(range(0, 40).flatMap((i) => [`k${i}`, `${i}`]));
    const all = () => Promise.all(range(0, 40).map((i) => pool.get(`k${i}`)));
    assert.deepEqual(await all(), range(0, 40).map(String));
    assert.deepEqual(await all(), range(0, 40).map(String));
    assert.deepEqual([cache.stats().hitCount, cache.stats().missCount], [40, 40]);
    await other.mSet(range(0, 40).flatMap((i) => [`k${i}`, `${i + 1}`]));
    await until(() => cache.size() === 0);
    assert.deepEqual(await all(), range(1, 41).map(String));
});

test('invalidations as events', async (t) => {
    const c = await client(t, {RESP: 3, emitInvalidate: true});
    const other = await client(t);
    await c.get('a');
    let told = event(c, 'invalidate');
    await other.set('a', '1');
    assert.equal(String((await told)[0]), 'a');
    told = event(c, 'invalidate');
    await other.flushAll();
    assert.equal((await told)[0], null);
});

run('node-redis');
