"""A small agent: starts a worker as the real agent does, and gives what came back, in order."""

import fcntl
import itertools
import json
import os
import select
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON = HERE.parent / "python"
ROOT = HERE.parent.parent.parent


def extension():
    """The built extension: NBVET_WORKER_SO, or built now."""
    if "NBVET_WORKER_SO" in os.environ:
        return os.environ["NBVET_WORKER_SO"]
    command = ["cargo", "build", "--quiet", "-p", "nbvet-worker", "--message-format=json-render-diagnostics"]
    built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message["target"]["name"] == "nbvet_worker":
            return message["filenames"][0]
    raise AssertionError("cargo built no nbvet_worker")


class Cell:
    """How one cell went."""

    def __init__(self, outputs, result):
        self.outputs = outputs
        self.status = result["status"]
        self.count = result["executionCount"]
        self.facts = result["facts"]

    @property
    def kind(self):
        return self.status["kind"]

    @property
    def error(self):
        return self.status["error"]

    def text(self, name="stdout"):
        return "".join(text for stream, text in self.outputs if stream == name)

    def displays(self):
        return [display for name, display in self.outputs if name == "display"]

    def of(self, kind):
        return [fact for fact in self.facts if fact["kind"] == kind]

    def bound(self):
        return {fact["name"]: fact["value"] for fact in self.of("bound")}

    def result(self):
        (fact,) = self.of("result")
        return fact["value"]


class Died(Exception):
    """The process ended while a cell ran."""

    def __init__(self, status, outputs):
        super().__init__(status, outputs)
        self.status = status
        self.outputs = outputs

    def text(self, name="stdout"):
        return "".join(text for stream, text in self.outputs if stream == name)


class Worker:
    """One worker process."""

    def __init__(self, python, so, cwd, env=None, installs="check", kit="", limit=60.0):
        self.limit = limit
        ours, theirs = socket.socketpair()
        self.socket = ours
        self.pipes = {}
        write_ends = []
        for name in ("stdout", "stderr"):
            read, write = os.pipe()
            fcntl.fcntl(read, fcntl.F_SETFL, os.O_NONBLOCK)
            self.pipes[read] = name
            write_ends.append(write)
        loader = (PYTHON / "loader.py").read_text()
        theirs.set_inheritable(True)
        self.process = subprocess.Popen(
            [str(python), "-c", loader, str(theirs.fileno()), str(so), str(PYTHON / "nbvet_shim"), str(kit), "worker"],
            stdin=subprocess.DEVNULL,
            stdout=write_ends[0],
            stderr=write_ends[1],
            cwd=cwd,
            env=env,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
        theirs.close()
        for end in write_ends:
            os.close(end)
        self.outputs = []
        # What the worker says of its end.
        self.leaving = []
        self.send({"type": "hello", "protocol": 1, "installs": installs})
        self.cells = 0
        self.ready = None

    def start(self):
        self.ready = self.until("ready")
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, *_exc):
        self.close()

    def close(self):
        if self.process.poll() is None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.socket.close()
        for pipe in self.pipes:
            os.close(pipe)
        self.pipes = {}

    def send(self, message):
        body = json.dumps(message).encode()
        self.socket.sendall(struct.pack(">I", len(body)) + body)

    def run(self, code, during=None, widgets=None):
        """Run a cell; `during` is called once the worker has it."""
        self.outputs = []
        self.send({"type": "execute", "cell": self.cells, "code": code, "widgets": widgets or {}})
        if during is not None:
            during()
        message = self.until("cell-done")
        assert message["cell"] == self.cells
        self.cells += 1
        return Cell(self.merged(), message["result"])

    def ask(self, *questions, during=None):
        """Ask about values that the last cell left; the answers."""
        asked = [{"tolerance": 1e-9, **question} for question in questions]
        self.send({"type": "ask", "cell": self.cells - 1, "questions": asked})
        if during is not None:
            during()
        message = self.until("answers")
        assert message["cell"] == self.cells - 1
        return message["answers"]

    def interrupt_after(self, seconds):
        def during():
            time.sleep(seconds)
            os.kill(self.process.pid, signal.SIGINT)

        return during

    def finish(self):
        """Ask for the end; the exit status and what was written meanwhile."""
        self.outputs = []
        self.send({"type": "finish"})
        try:
            self.until("nothing")
        except Died as end:
            return end
        raise AssertionError("until() returned without a message")

    def until(self, kind):
        """Answer the worker until a message of this kind comes."""
        deadline = time.monotonic() + self.limit
        while True:
            left = deadline - time.monotonic()
            assert left > 0, f"no {kind} within {self.limit} s; so far {self.merged()!r}"
            readable, _, _ = select.select([self.socket, *self.pipes], [], [], left)
            if self.socket not in readable:
                self.drain()
                continue
            message = self.receive()
            self.drain()
            if message is None:
                status = self.process.wait()
                self.drain()
                raise Died(status, self.merged())
            if message["type"] == "display":
                self.outputs.append(("display", message["display"]))
                self.send({"type": "go-on"})
            elif message["type"] == "barrier":
                self.send({"type": "go-on"})
            elif message["type"] == "leaving":
                self.leaving.append(message)
            elif message["type"] == kind:
                return message
            else:
                raise AssertionError(f"unexpected {message!r}")

    def receive(self):
        length = self.exactly(4)
        return None if length is None else json.loads(self.exactly(struct.unpack(">I", length)[0]))

    def exactly(self, size):
        data = bytearray()
        while len(data) < size:
            try:
                part = self.socket.recv(size - len(data))
            except ConnectionResetError:
                # The worker ended without reading what was sent to it.
                part = b""
            if not part:
                return None
            data += part
        return data

    def drain(self):
        for pipe, name in list(self.pipes.items()):
            while True:
                try:
                    data = os.read(pipe, 1 << 16)
                except BlockingIOError:
                    break
                if not data:
                    os.close(pipe)
                    del self.pipes[pipe]
                    break
                self.outputs.append((name, data.decode("utf-8", "replace")))

    def merged(self):
        """Neighbouring pieces of one stream as one."""
        merged = []
        for name, group in itertools.groupby(self.outputs, key=lambda output: output[0]):
            values = [value for _, value in group]
            merged.extend((name, value) for value in (values if name == "display" else ["".join(values)]))
        return merged
