"""git's own `http-backend` behind HTTPS with a certificate of the test's authority. Prints `port N`.

Arguments: folder of repositories, certificate, key, file with the login as `NAME:PASSWORD`, port of another server or 0.
Everything below `/private/` wants the login; `/elsewhere/` sends there; `/moved/` sends to the same server; `/broken/` fails.
Each request is written to the file `requests` in the folder, with whether it came with credentials.
"""

import base64
import http.server
import os
import ssl
import subprocess
import sys

ROOT, CERTIFICATE, KEY, NAMED, OTHER = sys.argv[1:6]
with open(NAMED, "rb") as login:
    LOGIN = "Basic " + base64.b64encode(login.read()).decode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def do_GET(self):
        body = self.body()
        with open(os.path.join(ROOT, "requests"), "a") as log:
            known = "with" if self.headers.get("Authorization") else "without"
            log.write(f"{self.path} {known}\n")
        if self.path.startswith("/elsewhere/"):
            return self.answer(302, [("Location", f"https://127.0.0.1:{OTHER}" + self.path[len("/elsewhere") :])])
        if self.path.startswith("/moved/"):
            return self.answer(301, [("Location", "/open" + self.path[len("/moved") :])])
        if self.path.startswith("/broken/"):
            return self.answer(503)
        if self.path.startswith("/private/") and self.headers.get("Authorization") != LOGIN:
            return self.answer(401, [("WWW-Authenticate", 'Basic realm="git"')])
        path, _, query = self.path.partition("?")
        _, _, rest = path[1:].partition("/")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": ROOT,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": "/" + rest,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line]
        status = next((int(value.split()[0]) for name, value in lines if name == "Status"), 200)
        self.send_response(status)
        for name, value in lines:
            if name not in ("Status", "Content-Length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print("port", server.server_address[1], flush=True)
server.serve_forever()
