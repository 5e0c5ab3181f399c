"""servers.py - starts the servers that run and instructions measure, and ends them.

Each server gets a directory of its own, a free loopback port, a Unix socket, and no
persistence; it is ended by its pid when its `with` block is left.
"""
import contextlib
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
DIRECTIVES = ("--bind 127.0.0.1 --port {port} --unixsocket {socket} --dir {dir} "
              "--save '' --appendonly no --protected-mode no")


def fail(text):
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {text}")


def program(name, remedy):
    """The whole path of a program, as servers start in directories of their own."""
    path = shutil.which(name)
    if not path:
        fail(f"there is no {name}: {remedy}")
    return os.path.abspath(path)


def command_line(path):
    return f"{shlex.quote(path)} {DIRECTIVES}"


def ours():
    """The command line of the server of this project."""
    name = os.environ.get("CLEARLANE_SERVER") or str(TOP / "build" / "clearlane-server")
    return command_line(program(name, "run make first, or set CLEARLANE_SERVER"))


def peer():
    """The command line of Debian's redis-server."""
    name = os.environ.get("REDIS_SERVER") or "redis-server"
    return command_line(program(name, "deps/install.sh --test installs it"))


def load_program():
    name = os.environ.get("BENCH_LOAD") or str(TOP / "build" / "bench" / "load")
    return program(name, "make build/bench/load makes it, or set BENCH_LOAD")


def cpus():
    """The CPUs of the server and of the generator; (None, None) where there is but one."""
    free = sorted(os.sched_getaffinity(0))
    return (free[0], free[1]) if len(free) > 1 and shutil.which("taskset") else (None, None)


def pinned(command, cpu):
    return command if cpu is None else ["taskset", "-c", str(cpu)] + command


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A running server: name, port, socket, dir, pid (of its own process, not a wrapper's)."""

    def __init__(self, name, command, cpu=None, prefix=(), dir=None):
        """A directory that is given stays its giver's: it may hold the data of another start."""
        self.name = name
        self.dir = dir or tempfile.mkdtemp(prefix="bench-")
        self.is_own_dir = not dir
        self.port = free_port()
        self.socket = f"{self.dir}/socket"
        words = shlex.split(command)
        words = [w.format(port=self.port, socket=self.socket, dir=self.dir) for w in words]
        self.log = open(f"{self.dir}/log", "a+b")
        # taskset and valgrind replace themselves by the server: the pid stays the same.
        self.process = subprocess.Popen(pinned([*prefix, *words], cpu), cwd=self.dir,
                                        stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT)
        self.pid = self.process.pid

    def wait_ready(self, wait_s=60):
        end = time.monotonic() + wait_s
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                if self.ask("PING") == b"+PONG\r\n":
                    return
            time.sleep(0.05)
        self.log.seek(0)
        tail = self.log.read()[-2000:].decode(errors="replace")
        self.stop()
        fail(f"{self.name} does not answer on its port; its log ends with:\n{tail}")

    def ask(self, command, wait_s=60):
        """One command whose reply is a line."""
        with socket.create_connection(("127.0.0.1", self.port), wait_s) as s:
            s.sendall(command.encode() + b"\r\n")
            reply = b""
            while not reply.endswith(b"\r\n"):
                more = s.recv(4096)
                if not more:
                    raise ConnectionError(f"{self.name} closed the connection")
                reply += more
            return reply

    def end(self, wait_s=60):
        """SIGTERM, and the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(wait_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def stop(self):
        self.end()
        self.log.close()
        if self.is_own_dir:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()


def end_on_sigterm():
    """So that servers are stopped when this program is told to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
