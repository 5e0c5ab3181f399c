'use strict';
/* helper.js - what the tests in JavaScript share: a server for each test, waiting, the runner.
 *
 * A test is test('what holds', async (t) => ...): t.server is running, empty and its own;
 * t.after(f) runs f at its end, the last first. A file ends with run('name'). Printed: each test
 * that fails, with its stack, then one line of result.
 *
 * Environment: CLEARLANE_SERVER is the program to test (redis-server shows whether it is the
 * client's own quirk that a test meets), SUITE_TEST=text chooses tests by their names.
 * The clients' packages are found by NODE_PATH, see ./run.
 */
const {spawn} = require('node:child_process');
const {once} = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

const START_MS_MAX = 30000;
const STOP_MS_MAX = 30000;
const TEST_MS_MAX = 30000;
const WAIT_MS_MAX = 10000;

const PROGRAM =
    process.env.CLEARLANE_SERVER || path.join(__dirname, '../../build/clearlane-server');
const tests = [];

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* Fails unless the promise is kept in time. */
async function within(ms, what, promise) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${what}: not in ${ms} ms`)), ms);
    });
    try {
        return await Promise.race([promise, late]);
    } finally {
        clearTimeout(timer);
    }
}

/* Waits for a true value of the condition, and returns it. */
async function until(condition, ms = WAIT_MS_MAX) {
    const end = Date.now() + ms;
    for (;;) {
        const value = await condition();
        if (value) return value;
        if (Date.now() > end) throw new Error(`not in ${ms} ms: ${condition}`);
        await sleep(5);
    }
}

/* The next event of that name, as the array of its arguments. */
function event(emitter, name) {
    const happened = new Promise((resolve) => emitter.once(name, (...words) => resolve(words)));
    return within(WAIT_MS_MAX, `event ${name}`, happened);
}

/* Below the ports that the system gives to outgoing connections, so that it stays free. */
async function freePort() {
    for (;;) {
        const port = 20000 + Math.floor(Math.random() * 12000);
        const probe = net.createServer();
        const free = await new Promise((resolve) => {
            probe.once('error', () => resolve(false));
            probe.listen(port, '127.0.0.1', () => resolve(true));
        });
        if (!free) continue;
        probe.close();
        await once(probe, 'close');
        return port;
    }
}

/* A server on a free port, in a directory of its own; ended by its pid, or with its parent. */
class Server {
    async open() {
        this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'clients-'));
        this.port = await freePort();
        this.address = {host: '127.0.0.1', port: this.port};
        await this.start();
    }

    async start(...directives) {
        const log = fs.openSync(path.join(this.dir, 'log'), 'a');
        this.process = spawn(
            'setpriv',
            [
                '--pdeathsig', 'KILL', PROGRAM, '--port', this.port, '--bind', '127.0.0.1', '--dir',
                this.dir, '--save', '', ...directives
            ].map(String),
            {stdio: ['ignore', log, log]});
        fs.closeSync(log);
        this.exit = once(this.process, 'exit');
        await until(() => this.answers(), START_MS_MAX);
    }

    answers() {
        if (this.process.exitCode !== null) throw new Error(`the server has ended:\n${this.log()}`);
        return new Promise((resolve) => {
            const socket = net.connect(this.port, '127.0.0.1', () => socket.write('PING\r\n'));
            socket.on('error', () => resolve(false));
            socket.on('close', () => resolve(false));
            socket.on('data', (bytes) => {
                resolve(['+PONG', '-NOAU'].includes(bytes.toString('latin1', 0, 5)));
                socket.destroy();
            });
        });
    }

    /* SIGTERM, and the exit status. */
    async end() {
        this.process.kill('SIGTERM');
        return (await within(STOP_MS_MAX, 'the end of the server', this.exit))[0];
    }

    async restart(...directives) {
        await this.end();
        await this.start(...directives);
    }

    async close() {
        const status = this.process.exitCode === null ? await this.end() : this.process.exitCode;
        const log = this.log();
        fs.rmSync(this.dir, {recursive: true});
        if (status !== 0) throw new Error(`the server ended with ${status}:\n${log}`);
    }

    log() {
        return fs.readFileSync(path.join(this.dir, 'log'), 'utf8').slice(-6000);
    }
}

function test(name, body) {
    tests.push({name, body});
}

/* Whether the test passes; what went wrong is printed. */
async function passes({name, body}) {
    const cleanups = [];
    let passed = true;
    const step = async (f) => {
        try {
            await within(TEST_MS_MAX, name, f());
        } catch (e) {
            passed = false;
            console.log(`${name}: ${e.stack}`);
        }
    };
    const server = new Server();
    await step(() => server.open());
    if (passed) await step(() => body({server, after: (f) => cleanups.unshift(f)}));
    for (const f of cleanups) await step(async () => f());
    await step(() => server.close());
    return passed;
}

async function run(name) {
    const chosen = tests.filter((t) => t.name.includes(process.env.SUITE_TEST || ''));
    const start = Date.now();
    let failed = 0;
    process.on('unhandledRejection', (e) => {
        failed++;
        console.log(`nobody waited for: ${e && e.stack}`);
    });
    for (const t of chosen) failed += !(await passes(t));
    const seconds = ((Date.now() - start) / 1000).toFixed(2);
    console.log(`${name}: ${chosen.length} tests, ${failed} failed, ${seconds} s`);
    process.exit(failed > 0 ? 1 : 0);
}

module.exports = {
    event,
    run,
    sleep,
    test,
    until,
    within
};
