"""Headless Chromium, spoken to over a pipe: what a page does when a person opens it."""

import json
import os
import select
import shutil
import subprocess
import time

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Browser:
    """One browser with one tab. `events` holds everything that it has told, in order."""

    def __init__(self, profile):
        read, their_write = os.pipe()
        their_read, write = os.pipe()
        switches = [
            "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-extensions",
            f"--user-data-dir={profile}", "about:blank",
        ]
        # The browser reads commands from descriptor 3 and answers on 4.
        script = f'exec "$0" "$@" 3<&{their_read} 4>&{their_write}'
        self.process = subprocess.Popen(
            ["bash", "-c", script, CHROMIUM, *switches], pass_fds=(their_read, their_write), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )
        os.close(their_read)
        os.close(their_write)
        self.read, self.write = read, write
        self.number, self.buffer, self.events, self.session = 0, b"", [], None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.read)
        os.close(self.write)

    def ask(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.next(30)
            assert answer, f"no answer to {method}"
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]

    def next(self, seconds):
        """The next message, an event among `events`; None when it is quiet for so long."""
        while b"\0" not in self.buffer:
            if not select.select([self.read], [], [], seconds)[0]:
                return None
            more = os.read(self.read, 1 << 20)
            assert more, "the browser is gone"
            self.buffer += more
        message, self.buffer = self.buffer.split(b"\0", 1)
        message = json.loads(message)
        if "method" in message:
            self.events.append(message)
            if message["method"] == "Page.javascriptDialogOpening":
                os.write(self.write, json.dumps({"id": 0, "method": "Page.handleJavaScriptDialog",
                         "params": {"accept": False}, "sessionId": self.session}).encode() + b"\0")
        return message

    def open(self, path, width=1280, scheme="light", quiet=2.0):
        """Opens a file and waits until it is loaded and then quiet: time for what a page may do later."""
        self.events.clear()
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.ask("Page.navigate", url=path.as_uri())
        until = time.monotonic() + 60
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            assert time.monotonic() < until, "the page does not load"
            self.next(5)
        until = time.monotonic() + quiet
        while time.monotonic() < until:
            self.next(0.2)

    def value(self, expression):
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def requests(self):
        """Addresses asked for, but for the page itself and what stands in it."""
        asked = [event["params"]["request"]["url"] for event in self.events
                 if event["method"] == "Network.requestWillBeSent"]
        return [url for url in asked[1:] if not url.startswith("data:")]

    def told(self, method):
        return [event["params"] for event in self.events if event["method"] == method]
