"""helper.py - what the tests in Python share: a server for each test, waiting, the runner.

A test is a function with @test that takes a running Server, empty and its own; the file ends with
run("name"). Printed: each test that fails, with its stack, then one line of result.

Environment: CLEARLANE_SERVER is the program to test (redis-server shows whether it is the
client's own quirk that a test meets), SUITE_TEST=text chooses tests by their names.
"""
import contextlib
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import unittest

import redis

START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 30
TEST_SECONDS_MAX = 30
WAIT_SECONDS_MAX = 10

PROGRAM = shutil.which(os.environ.get("CLEARLANE_SERVER") or
                       pathlib.Path(__file__).resolve().parents[2] / "build/clearlane-server")
tests = []

case = unittest.TestCase()
case.maxDiff = None
equal, raises = case.assertEqual, case.assertRaises


def test(function):
    tests.append(function)
    return function


def free_port():
    """Below the ports that the system gives to outgoing connections, so that it stays free."""
    while True:
        port = random.randrange(20000, 32000)
        with contextlib.suppress(OSError), socket.socket() as s:
            s.bind(("127.0.0.1", port))
            return port


class Server:
    """A server on a free port, in a directory of its own; ended by its pid, or with its parent."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="clients-")
        self.port = free_port()
        self.socket = f"{self.dir}/socket"
        self.start()

    def start(self, *directives):
        with open(f"{self.dir}/log", "ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", PROGRAM, "--port", str(self.port),
                 "--bind", "127.0.0.1", "--unixsocket", self.socket, "--dir", self.dir,
                 "--save", "", *directives], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self.answers, START_SECONDS_MAX)

    def answers(self):
        assert self.process.poll() is None, f"the server has ended:\n{self.log()}"
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as s:
                s.sendall(b"PING\r\n")
                return s.recv(64)[:5] in (b"+PONG", b"-NOAU")
        except OSError:
            return False

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS_MAX)

    def restart(self, *directives):
        self.end()
        self.start(*directives)

    def stop(self):
        status = self.end() if self.process.poll() is None else self.process.returncode
        log = self.log()
        shutil.rmtree(self.dir, ignore_errors=True)
        assert status == 0, f"the server ended with {status}:\n{log}"

    def log(self):
        return pathlib.Path(self.dir, "log").read_text(errors="replace")[-6000:]

    def client(self, **options):
        """A client whose replies are text."""
        return redis.Redis("127.0.0.1", self.port, **{"decode_responses": True, **options})


def until(condition, seconds=WAIT_SECONDS_MAX):
    """Waits for a true value of the condition, and returns it."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not in {seconds} s"
        time.sleep(0.005)


class background:
    """Runs the function in a thread; result() waits for its value, or raises what it raised."""

    def __init__(self, function, *arguments, **options):
        self.thread = threading.Thread(target=self.run, args=(function, arguments, options),
                                       daemon=True)
        self.error = None
        self.thread.start()

    def run(self, function, arguments, options):
        try:
            self.value = function(*arguments, **options)
        except BaseException as e:
            self.error = e

    def result(self):
        self.thread.join(WAIT_SECONDS_MAX)
        assert not self.thread.is_alive(), f"not in {WAIT_SECONDS_MAX} s"
        if self.error:
            raise self.error
        return self.value


def blocked(client, count=1):
    """Waits until so many clients wait for keys."""
    until(lambda: client.info("clients")["blocked_clients"] == count)


def passes(function):
    """Whether the test passes; what went wrong is printed."""
    def too_late(*_):
        raise TimeoutError(f"not over in {TEST_SECONDS_MAX} s")
    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(TEST_SECONDS_MAX)
    try:
        server = Server()
        try:
            function(server)
        finally:
            server.stop()
        return True
    except Exception:
        print(f"{function.__name__}: {traceback.format_exc()}", flush=True)
        return False
    finally:
        signal.alarm(0)


def run(name):
    assert PROGRAM, "there is no such server: run make first, or set CLEARLANE_SERVER"
    chosen = [t for t in tests if os.environ.get("SUITE_TEST", "") in t.__name__]
    start = time.monotonic()
    failed = len(chosen) - sum(passes(t) for t in chosen)
    print(f"{name}: {len(chosen)} tests, {failed} failed, {time.monotonic() - start:.2f} s")
    sys.exit(failed > 0)
