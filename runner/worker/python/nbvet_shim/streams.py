"""The notebook's sys.stdout and sys.stderr: text goes out at once, as bytes, in order."""

import io


class OutStream(io.TextIOBase):
    """Writes through the extension; named as ipykernel's is. Has a `__dict__`: IPython assigns to `write`."""

    encoding = "UTF-8"
    errors = None
    newlines = None

    def __init__(self, session, number, name):
        super().__init__()
        self._send = session.write
        self._number = number
        self._closed = False
        self.name = name
        self.mode = "w"

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not %s" % type(text))
        self._check()
        if text:
            self._send(self._number, text)
        return len(text)

    def writelines(self, lines):
        self._check()
        for line in lines:
            self.write(line)

    def _check(self):
        if self._closed:
            raise ValueError("I/O operation on closed file")

    def fileno(self):
        return self._number

    def writable(self):
        return True

    def isatty(self):
        return False

    def flush(self):
        """Nothing is ever held back."""

    @property
    def closed(self):
        return self._closed

    def close(self):
        """The descriptor stays open: it is the process's."""
        self._closed = True


OutStream.__module__ = "ipykernel.iostream"
