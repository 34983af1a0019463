"""Starts this Python for each who connects to a Unix socket, with the program that they send: of a build in another
container, which compiles by the Python of this one's image. Here is nothing that anybody could take.

Started with the socket's path, in a folder that both containers see; 32 bits (little-endian) are the length of the
program, what follows goes to it and comes from it. It ends when the build says so by a file beside the socket, or when
nobody has come for a long time.
"""

import os
import signal
import socket
import sys
import time

PATH = sys.argv[1]
PATIENCE = 1200


def exactly(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            os._exit(1)
        data += more
    return data


def answer(connection):
    connection.settimeout(30)
    length = int.from_bytes(exactly(connection, 4), "little")
    program = exactly(connection, min(length, 1 << 20))
    connection.settimeout(None)
    os.dup2(connection.fileno(), 0)
    os.dup2(connection.fileno(), 1)
    os.execv(sys.executable, [sys.executable, "-I", "-S", "-B", "-c", program])


def main():
    # The first process of a container obeys nothing that it has not asked for.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server = socket.socket(socket.AF_UNIX)
    server.bind(PATH)
    # The other container may be another user of the same group.
    os.chmod(PATH, 0o660)
    server.listen()
    server.settimeout(0.1)
    running, since = set(), time.monotonic()
    while not os.path.exists(PATH + ".finished") and time.monotonic() - since < PATIENCE:
        running = {pid for pid in running if os.waitpid(pid, os.WNOHANG) == (0, 0)}
        since = time.monotonic() if running else since
        try:
            connection, _ = server.accept()
        except socket.timeout:  # noqa: UP041 - another error than TimeoutError before Python 3.10
            continue
        pid = os.fork()
        if pid == 0:
            try:
                answer(connection)
            finally:
                os._exit(1)
        running.add(pid)
        connection.close()


main()
