'use strict';
/* bullmq_test.js - BullMQ's queues on the server: exactly which jobs ran, and in what order where
 * BullMQ promises one. Whatever it says about the server itself fails the test. */
const assert = require('node:assert').strict;
const {
    DelayedError,
    FlowProducer,
    Queue,
    QueueEvents,
    RateLimitError,
    UnrecoverableError,
    WaitingChildrenError,
    Worker
} = require('bullmq');
const Redis = require('ioredis');
const {event, run, sleep, test, until} = require('./helper');

const range = (from, to) => Array.from({length: to - from}, (_, i) => from + i);

/* What BullMQ warns of: too old a version, another eviction policy than noeviction. */
const warnings = [];
console.warn = (text) => warnings.push(text);
console.error = console.warn;

/* What a test needs, on the test's server; all of it is closed at the end, and nothing was
 * warned of. */
function scene(t) {
    const connection = {...t.server.address, retryStrategy: () => 20};
    const keep = (x) => {
        x.on('error', () => {});
        t.after(() => x.close());
        return x;
    };
    warnings.length = 0;
    t.after(() => assert.deepEqual(warnings, []));
    return {
        redis(options) {
            const c = new Redis({...connection, ...options});
            c.on('error', () => {});
            t.after(() => c.disconnect());
            return c;
        },
        queue: (name = 'q', options) => keep(new Queue(name, {connection, ...options})),
        flows: () => keep(new FlowProducer({connection})),
        worker: (process, options, name = 'q') =>
            keep(new Worker(name, process, {connection, ...options})),
        /* Notes each event from the queue's first on as [name, job]. */
        async events(names, name = 'q') {
            const events =
                keep(new QueueEvents(name, {connection, lastEventId: '0-0', autorun: false}));
            const seen = [];
            for (const n of names) events.on(n, (e) => seen.push([n, e.jobId]));
            events.run().catch(() => {});
            await events.waitUntilReady();
            return Object.assign(events, {seen});
        },
    };
}

/* A processor that notes the names of its jobs. */
function noting() {
    const names = [];
    return Object.assign(async (job) => names.push(job.name), {names});
}

/* Waits until all jobs are done. */
async function empties(queue) {
    await until(async () => {
        const now = await queue.getJobCounts(
            'wait', 'active', 'delayed', 'prioritized', 'waiting-children', 'paused');
        return Object.values(now).every((n) => n === 0);
    });
}

test('jobs run in their order', async (t) => {
    const s = scene(t);
    const q = s.queue();
    const events = await s.events(['added', 'waiting', 'active', 'completed', 'drained']);
    const first = await q.add('first', {n: 1, text: 'grüße', none: null});
    assert.deepEqual([first.id, await first.getState(), await q.count()], ['1', 'waiting', 1]);
    await q.addBulk(range(2, 101).map((n) => ({name: `j${n}`, data: {n}})));
    assert.deepEqual(await q.getJobCounts('wait', 'completed'), {wait: 100, completed: 0});
    const seen = [];
    s.worker(async (job) => {
        seen.push(job.data.n);
        return {twice: job.data.n * 2};
    });
    assert.deepEqual(await first.waitUntilFinished(events), {twice: 2});
    await until(() => events.seen.some(([name]) => name === 'drained'));
    assert.deepEqual(seen, range(1, 101));
    const of = (name) => events.seen.filter(([n]) => n === name).map(([, id]) => Number(id));
    for (const name of ['added', 'waiting', 'active', 'completed'])
        assert.deepEqual(of(name), range(1, 101));
    const job = await q.getJob('1');
    assert.deepEqual(
        [job.data, job.returnvalue, await job.isCompleted(), job.attemptsMade],
        [{n: 1, text: 'grüße', none: null}, {twice: 2}, true, 1]);
    const done = await q.getCompleted(0, -1);
    assert.deepEqual(new Set(done.map((j) => j.returnvalue.twice / 2)), new Set(range(1, 101)));
});

test('the last in may be the first out', async (t) => {
    const s = scene(t);
    const q = s.queue();
    for (const name of ['a', 'b', 'c']) await q.add(name, {}, {lifo: true});
    await q.add('d');
    const work = noting();
    s.worker(work);
    await empties(q);
    assert.deepEqual(work.names, ['c', 'b', 'a', 'd']);
});

test('priorities', async (t) => {
    const s = scene(t);
    const q = s.queue();
    for (const [name, priority] of [
             ['low', 10], ['mid1', 5], ['high', 1], ['mid2', 5], ['none', 0], ['last', 2097151]]) {
        await q.add(name, {}, {priority});
    }
    const moved = await q.add('moved', {}, {priority: 10});
    await moved.changePriority({priority: 2});
    assert.deepEqual(
        await q.getCountsPerPriority([0, 1, 2, 5, 10]), {0: 1, 1: 1, 2: 1, 5: 2, 10: 1});
    const work = noting();
    s.worker(work);
    await empties(q);
    assert.deepEqual(work.names, ['none', 'high', 'moved', 'mid1', 'mid2', 'low', 'last']);
});

test('delayed jobs come at their time', async (t) => {
    const s = scene(t);
    const q = s.queue();
    const events = await s.events(['delayed']);
    const seen = [];
    const worker = s.worker(async (job) => seen.push([job.data.delay, Date.now() - job.timestamp]));
    await worker.waitUntilReady();
    await q.addBulk([300, 100, 200].map((delay) => ({name: 'j', data: {delay}, opts: {delay}})));
    assert.equal(await q.getDelayedCount() > 0, true);
    await until(() => seen.length === 3);
    assert.deepEqual(seen.map(([delay]) => delay), [100, 200, 300]);
    for (const [delay, took] of seen) {
        assert.ok(took >= delay && took < delay + 3000, `${took} ms, not ${delay}`);
    }
    const [promoted, sooner, last] = await q.addBulk(
        range(0, 3).map((n) => ({name: 'j', data: {delay: n}, opts: {delay: 100000}})));
    assert.equal(await promoted.getState(), 'delayed');
    await promoted.promote();
    await until(() => seen.length === 4);
    await sooner.changeDelay(50);
    await until(() => seen.length === 5);
    assert.deepEqual([seen[3][0], seen[4][0], await last.getState()], [0, 1, 'delayed']);
    assert.deepEqual(events.seen.map(([, id]) => id), ['1', '2', '3', '4', '5', '6', '5']);
});

test('what fails is tried again, with back-off', async (t) => {
    const s = scene(t);
    const q = s.queue();
    const events = await s.events(['failed', 'completed', 'retries-exhausted']);
    const tries = {later: [], never: [], fatal: [], own: []};
    s.worker(async (job) => {
        tries[job.name].push(Date.now());
        if (job.name === 'fatal') throw new UnrecoverableError('fatal');
        if (job.name === 'never' || tries[job.name].length < 4)
            throw new Error(`try ${job.attemptsMade + 1}`);
        return 'at last';
    }, {concurrency: 4, settings: {backoffStrategy: (made) => 10 * made}});
    const later =
        await q.add('later', {}, {attempts: 5, backoff: {type: 'exponential', delay: 20}});
    const never = await q.add('never', {}, {attempts: 3, backoff: 10});
    await q.add('fatal', {}, {attempts: 5});
    await q.add('own', {}, {attempts: 4, backoff: {type: 'custom'}});
    assert.equal(await later.waitUntilFinished(events), 'at last');
    await assert.rejects(never.waitUntilFinished(events), {message: 'try 3'});
    await empties(q);
    await until(() => events.seen.length >= 5);
    assert.deepEqual(Object.values(tries).map((x) => x.length), [4, 3, 1, 4]);
    const gaps = tries.later.slice(1).map((at, i) => at - tries.later[i]);
    for (const [i, least] of [20, 40, 80].entries()) assert.ok(gaps[i] >= least, `${gaps}`);
    assert.deepEqual(
        events.seen.map((e) => e.join(' ')).sort(),
        ['completed 1', 'completed 4', 'failed 2', 'failed 3', 'retries-exhausted 2']);
    const failed = await q.getJob(never.id);
    assert.deepEqual(
        [
            failed.failedReason, failed.stacktrace.length, failed.attemptsMade,
            await failed.getState()
        ],
        ['try 3', 3, 3, 'failed']);
    tries.never.length = 0;
    await failed.retry();
    await until(() => tries.never.length === 1);
});

test('flows: parents run after their children', async (t) => {
    const s = scene(t);
    const q = s.queue();
    const flow = await s.flows().add({
        name: 'root',
        queueName: 'q',
        data: {top: true},
        children: [
            {
                name: 'left',
                queueName: 'q',
                children:
                    range(0, 3).map((n) => ({name: `leaf${n}`, queueName: 'leaves', data: {n}}))
            },
            {name: 'right', queueName: 'q', opts: {delay: 50}},
        ],
    });
    assert.deepEqual(
        [
            await flow.job.getState(),
            (await s.flows().getFlow({id: flow.job.id, queueName: 'q'})).children.length
        ],
        ['waiting-children', 2]);
    const seen = [];
    const process = async (job) => {
        seen.push(job.name);
        const below = Object.values(await job.getChildrenValues());
        return below.length ? below.reduce((a, b) => a + b) : job.data.n ?? 10;
    };
    const events = await s.events(['waiting-children']);
    s.worker(process);
    s.worker(process, {}, 'leaves');
    assert.equal(await flow.job.waitUntilFinished(events), 13);
    assert.equal(seen.length, 6);
    assert.equal(seen[5], 'root');
    assert.ok(
        seen.indexOf('left') > Math.max(...range(0, 3).map((n) => seen.indexOf(`leaf${n}`))),
        `${seen}`);
    const {processed, unprocessed} = await flow.job.getDependencies();
    assert.deepEqual([Object.values(processed).sort(), unprocessed], [[10, 3], []]);
    await empties(q);
});

test('flows: what a child that fails does to its parent', async (t) => {
    const s = scene(t);
    const q = s.queue();
    const seen = [];
    s.worker(async (job) => {
        seen.push(job.name);
        if (job.name === 'bad') throw new Error('bad child');
    });
    const tree = (option, ...others) => ({
        name: option,
        queueName: 'q',
        children: [{name: 'bad', queueName: 'q', opts: {[option]: true}}, ...others]
    });
    const good = {name: 'good', queueName: 'q'};
    const events = await s.events([]);
    const flows = s.flows();
    const fails = await flows.add(tree('failParentOnFailure', good));
    await until(async () => await fails.job.getState() === 'failed');
    for (const option of ['ignoreDependencyOnFailure', 'removeDependencyOnFailure']) {
        await (await flows.add(tree(option, good))).job.waitUntilFinished(events);
    }
    await (await flows.add(tree('continueParentOnFailure'))).job.waitUntilFinished(events);
    await empties(q);
    assert.deepEqual(seen, [
        'bad', 'good', 'bad', 'good', 'ignoreDependencyOnFailure', 'bad', 'good',
        'removeDependencyOnFailure', 'bad', 'continueParentOnFailure'
    ]);
    assert.match((await q.getJob(fails.job.id)).failedReason, /^child bull:q:\S+ failed$/);
});

test('a job that adds its own children and waits for them', async (t) => {
    const s = scene(t);
    const q = s.queue();
    const events = await s.events([]);
    const steps = [];
    s.worker(async (job, token) => {
        steps.push(`${job.name}${job.data.step ?? ''}`);
        if (job.name !== 'parent') return job.name;
        if (!job.data.step) {
            await job.updateData({step: 1});
            await job.moveToDelayed(Date.now() + 20, token);
            throw new DelayedError();
        }
        if (job.data.step === 1) {
            await job.updateData({step: 2});
            for (const name of ['a', 'b']) {
                await q.add(name, {}, {parent: {id: job.id, queue: job.queueQualifiedName}});
            }
            if (await job.moveToWaitingChildren(token)) throw new WaitingChildrenError();
        }
        return Object.values(await job.getChildrenValues()).sort();
    });
    assert.deepEqual(await (await q.add('parent', {})).waitUntilFinished(events), ['a', 'b']);
    assert.deepEqual(steps, ['parent', 'parent1', 'a', 'b', 'parent2']);
});

test('job schedulers', async (t) => {
    const s = scene(t);
    const q = s.queue();
    const work = noting();
    s.worker(work);
    await q.upsertJobScheduler('ticks', {every: 50, limit: 4}, {name: 'tick', data: {a: 1}});
    await q.upsertJobScheduler(
        'daily', {pattern: '0 15 3 * * *', tz: 'Europe/Berlin'}, {name: 'day'});
    await until(() => work.names.length === 4);
    await sleep(150);
    assert.deepEqual(work.names, Array(4).fill('tick'));
    const schedulers = await q.getJobSchedulers();
    assert.deepEqual(
        schedulers.filter((x) => x.key === 'daily').map((x) => [x.name, x.pattern, x.tz]),
        [['day', '0 15 3 * * *', 'Europe/Berlin']]);
    const [next] = await q.getDelayed();
    assert.equal(new Date(next.timestamp + next.delay).getUTCMinutes(), 15);
    assert.deepEqual(
        [await q.removeJobScheduler('daily'), await q.removeJobScheduler('none')], [true, false]);
    assert.equal(await q.getDelayedCount(), 0);
});

test('repeated jobs', async (t) => {
    const s = scene(t);
    const q = s.queue();
    const seen = [];
    s.worker(async (job) => seen.push([Number(job.id.split(':').pop()), Date.now()]));
    await q.add('again', {}, {repeat: {every: 100, limit: 3}});
    await until(() => seen.length === 3);
    for (const [i, [due, at]] of seen.entries()) {
        assert.ok(at >= due && (i === 0 || due - seen[i - 1][0] >= 100), `${seen}`);
    }
    await q.add('often', {}, {repeat: {every: 60}});
    await until(() => seen.length >= 6);
    for (const r of await q.getJobSchedulers()) await q.removeJobScheduler(r.key);
    assert.deepEqual([await q.getRepeatableJobs(), await q.getDelayedCount()], [[], 0]);
});

test('a rate limit', async (t) => {
    const s = scene(t);
    const q = s.queue();
    await q.addBulk(range(0, 9).map((n) => ({name: `${n}`, data: {}})));
    const seen = [];
    s.worker(
        async (job) => seen.push({name: job.name, asked: job.processedOn, got: Date.now()}),
        {concurrency: 5, limiter: {max: 3, duration: 200}});
    await empties(q);
    assert.deepEqual(seen.map((job) => job.name).sort(), range(0, 9).map(String));
    /* Three windows of three, each from its first job on. */
    for (const i of [0, 3]) {
        const opened = Math.min(...seen.slice(i, i + 3).map((job) => job.asked));
        assert.ok(seen[i + 3].got - opened >= 198, JSON.stringify(seen));
    }
});

test('a rate limit that a job asks for', async (t) => {
    const s = scene(t);
    const q = s.queue();
    await q.addBulk(['a', 'b'].map((name) => ({name, data: {}})));
    const seen = [];
    s.worker(async (job) => {
        seen.push([job.name, Date.now()]);
        if (seen.length > 1) return;
        await q.rateLimit(150);
        throw new RateLimitError();
    }, {limiter: {max: 100, duration: 10}});
    await empties(q);
    assert.deepEqual(seen.map(([name]) => name), ['a', 'a', 'b']);
    assert.ok(seen[1][1] - seen[0][1] >= 140, `${seen}`);
});

test('pause and resume', async (t) => {
    const s = scene(t);
    const q = s.queue();
    const events = await s.events(['paused', 'resumed']);
    const work = noting();
    const worker = s.worker(work);
    await worker.waitUntilReady();
    await q.pause();
    await q.addBulk(['a', 'b', 'c'].map((name) => ({name, data: {}})));
    await q.add('late', {}, {delay: 20});
    await until(async () => await q.getJobCountByTypes('paused') === 4);
    assert.deepEqual([work.names, await q.isPaused(), await q.getWaitingCount()], [[], true, 4]);
    await q.resume();
    await empties(q);
    assert.deepEqual(work.names, ['a', 'b', 'c', 'late']);
    await until(() => events.seen.length === 2);
    assert.deepEqual(events.seen.map(([name]) => name), ['paused', 'resumed']);
    await worker.pause();
    await q.add('d');
    await sleep(50);
    assert.deepEqual([await q.getWaitingCount(), worker.isPaused()], [1, true]);
    worker.resume();
    await empties(q);
    assert.equal(work.names.pop(), 'd');
});

test('stalled jobs are given to another worker', async (t) => {
    const s = scene(t);
    const q = s.queue();
    const events = await s.events(['stalled', 'failed', 'completed']);
    await q.addBulk(['once', 'again'].map((name) => ({name, data: {}})));
    /* A worker that takes jobs and is not heard of again. */
    const taken = async () => {
        const dead = s.worker(null, {lockDuration: 100});
        return [await dead.getNextJob('token'), await dead.getNextJob('token')].map(
            (job) => job && job.name);
    };
    assert.deepEqual(await taken(), ['once', 'again']);
    const check = s.worker(null, {stalledInterval: 50, maxStalledCount: 1});
    await check.startStalledCheckTimer();
    await until(async () => await q.getWaitingCount() === 2);
    assert.deepEqual((await taken()).sort(), ['again', 'once']);
    await until(async () => await q.getWaitingCount() === 2);
    const work = noting();
    await q.add('third');
    s.worker(work);
    await until(() => events.seen.some(([name]) => name === 'completed'));
    assert.deepEqual([work.names, await q.getFailedCount()], [['third'], 2]);
    assert.match((await q.getFailed())[0].failedReason, /stalled more than allowable limit/);
    assert.deepEqual(events.seen.map((e) => e.join(' ')).sort(), [
        'completed 3', 'failed 1', 'failed 2', 'stalled 1', 'stalled 1', 'stalled 2', 'stalled 2'
    ]);
});

test('many workers: each job runs once', async (t) => {
    const s = scene(t);
    const q = s.queue();
    const runs = new Map();
    let now = 0;
    let most = 0;
    const process = async (job) => {
        most = Math.max(most, ++now);
        runs.set(job.id, (runs.get(job.id) || 0) + 1);
        await sleep(1);
        now--;
    };
    for (const concurrency of [5, 5, 10]) s.worker(process, {concurrency});
    for (const i of range(0, 10)) {
        await q.addBulk(
            range(0, 100).map((n) => ({name: `${i}.${n}`, data: {}, opts: {priority: n % 3}})));
    }
    await empties(q);
    assert.equal(runs.size, 1000);
    assert.deepEqual(new Set(runs.values()), new Set([1]));
    assert.ok(most > 5 && most <= 20, `${most}`);
    assert.equal(await q.getCompletedCount(), 1000);
});

test('a concurrency of the whole queue', async (t) => {
    const s = scene(t);
    const q = s.queue();
    await q.setGlobalConcurrency(2);
    let now = 0;
    let most = 0;
    for (const _ of range(0, 3)) {
        s.worker(async () => {
            most = Math.max(most, ++now);
            await sleep(5);
            now--;
        }, {concurrency: 4});
    }
    await q.addBulk(range(0, 30).map((n) => ({name: `${n}`, data: {}})));
    await empties(q);
    assert.deepEqual(
        [most, await q.getGlobalConcurrency(), await q.getCompletedCount()], [2, 2, 30]);
});

test('progress and logs', async (t) => {
    const s = scene(t);
    const q = s.queue();
    const events = await s.events([]);
    const progress = [];
    events.on('progress', (e) => progress.push(e.data));
    s.worker(async (job) => {
        for (const n of [10, 50, {done: true}]) await job.updateProgress(n);
        for (const line of ['one', 'two', 'three']) await job.log(line);
        await job.updateData({changed: job.data.n + 1});
    });
    const job = await q.add('j', {n: 1}, {keepLogs: 2});
    await job.waitUntilFinished(events);
    assert.deepEqual(progress, [10, 50, {done: true}]);
    assert.deepEqual(await q.getJobLogs(job.id), {logs: ['two', 'three'], count: 2});
    assert.deepEqual((await q.getJob(job.id)).data, {changed: 2});
});

test('the same job is added once', async (t) => {
    const s = scene(t);
    const q = s.queue();
    const events = await s.events(['deduplicated', 'duplicated']);
    const ids =
        async (name, opts) => [(await q.add(name, {}, opts)).id, (await q.add(name, {}, opts)).id];
    assert.deepEqual(await ids('own', {jobId: 'mine'}), ['mine', 'mine']);
    const [one, two] = await ids('simple', {deduplication: {id: 'd'}});
    assert.equal(one, two);
    const throttled = await ids('throttled', {deduplication: {id: 'e', ttl: 50}});
    assert.equal(throttled[0], throttled[1]);
    assert.equal(await q.getDeduplicationJobId('d'), one);
    await until(() => events.seen.length === 3);
    assert.deepEqual(
        events.seen.map(([name]) => name).sort(), ['deduplicated', 'deduplicated', 'duplicated']);
    await until(async () => !await q.getDeduplicationJobId('e'));
    assert.equal(
        (await ids('throttled', {deduplication: {id: 'e', ttl: 50}}))[0] !== throttled[0], true);
    assert.equal(await q.getWaitingCount(), 4);
});

test('what is done is kept as asked, and taken away', async (t) => {
    const s = scene(t);
    const q = s.queue();
    const c = s.redis();
    s.worker(async (job) => {
        if (job.data.bad) throw new Error('bad');
    });
    const add = (count, data, opts) =>
        q.addBulk(range(0, count).map((n) => ({name: `${n}`, data, opts})));
    await add(20, {}, {removeOnComplete: {count: 5}});
    await add(20, {bad: true}, {removeOnFail: 3});
    await empties(q);
    assert.deepEqual(await q.getJobCounts('completed', 'failed'), {completed: 5, failed: 3});
    await add(5, {}, {removeOnComplete: true});
    await empties(q);
    assert.equal(await q.getCompletedCount(), 5);
    assert.equal((await q.clean(0, 2, 'completed')).length, 2);
    assert.equal((await q.clean(0, 100, 'failed')).length, 3);
    await q.pause();
    await add(10, {});
    await add(10, {}, {delay: 100000});
    const [job] = await q.getDelayed(0, 0);
    await job.remove();
    await q.drain(true);
    assert.deepEqual(
        await q.getJobCounts('paused', 'delayed', 'completed'),
        {paused: 0, delayed: 0, completed: 3});
    assert.equal(await q.trimEvents(10) > 0, true);
    await q.obliterate();
    assert.deepEqual(await c.keys('bull:q:*'), []);
});

/* What is sent in the instant of the kill may be lost in ioredis, with redis-server too: so all are
 * back before the next job. */
test('workers come back after CLIENT KILL', async (t) => {
    const s = scene(t);
    const q = s.queue();
    const events = await s.events(['completed']);
    const work = noting();
    s.worker(work);
    const c = s.redis();
    const clients = async () =>
        (await c.client('LIST', 'TYPE', 'normal')).trim().split('\n').length;
    for (const round of range(0, 5)) {
        await q.add(`${round}`);
        await until(() => events.seen.length === round + 1);
        const killed = await c.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
        assert.ok(killed >= 3);
        await until(async () => await clients() > killed);
    }
    assert.deepEqual(work.names, range(0, 5).map(String));
});

test('a restart of the server loses no job', async (t) => {
    const s = scene(t);
    const log = ['--appendonly', 'yes', '--appendfsync', 'always'];
    await t.server.restart(...log);
    const q = s.queue();
    const events = await s.events(['completed']);
    const work = noting();
    s.worker(work);
    await q.add('before');
    await until(() => events.seen.length === 1);
    await q.addBulk(range(0, 20).map((n) => ({name: `${n}`, data: {}, opts: {delay: 600}})));
    await t.server.restart(...log);
    await q.add('after');
    await empties(q);
    assert.deepEqual(
        work.names.slice().sort(), ['before', 'after', ...range(0, 20).map(String)].sort());
    await until(() => events.seen.length === 22);
});

test('what BullMQ asks of the server', async (t) => {
    const s = scene(t);
    const q = s.queue();
    await q.waitUntilReady();
    assert.match(q.redisVersion, /^\d+\.\d+\.\d+$/);
    assert.equal(q.databaseType, 'redis');
    const worker = s.worker(async () => {}, {name: 'me'});
    await worker.waitUntilReady();
    await until(async () => (await q.getWorkers()).length === 1);
    const [{name, rawname}] = await q.getWorkers();
    assert.deepEqual([name, rawname.endsWith(':w:me')], ['q', true]);
    /* The blocked worker leaves within its time. */
    const start = Date.now();
    await worker.close();
    assert.ok(Date.now() - start < 5000);
    await s.redis().config('SET', 'maxmemory-policy', 'allkeys-lru');
    await s.queue('other').waitUntilReady();
    assert.match(warnings.splice(0).join(), /^IMPORTANT! Eviction policy is allkeys-lru/);
});

run('bullmq');
