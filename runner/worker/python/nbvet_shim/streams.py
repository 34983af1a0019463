"""The notebook's sys.stdout and sys.stderr: text goes out at once, as bytes, in order."""

import io


class Stream(io.TextIOBase):
    """Writes through the extension. Has a `__dict__`: IPython assigns to `write`."""

    encoding = "UTF-8"
    errors = "backslashreplace"
    newlines = None

    def __init__(self, session, number, name):
        super().__init__()
        self._send = session.write
        self._number = number
        self.name = name
        self.mode = "w"

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not %s" % type(text).__name__)
        if text:
            self._send(self._number, text)
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def fileno(self):
        return self._number

    def writable(self):
        return True

    def isatty(self):
        return False

    def flush(self):
        """Nothing is ever held back."""

    def close(self):
        """A notebook that closes its stdout can still print, as in Jupyter."""
