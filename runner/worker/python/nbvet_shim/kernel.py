"""What notebooks and libraries expect at `get_ipython().kernel`, without a kernel."""

import logging
import sys


class _Socket:
    """Takes the place of the socket to the front end; whatever is sent there goes through the session."""


class _Session:
    """Understands the messages that notebooks send by hand."""

    session = "nbvet"
    username = "nbvet"

    def __init__(self, shell, worker):
        self._shell = shell
        self._worker = worker

    def send(self, stream, msg_or_type, content=None, parent=None, *_args, **_keywords):
        message = msg_or_type if isinstance(msg_or_type, dict) else self.msg(msg_or_type, content, parent)
        content = message.get("content") or {}
        kind = message.get("msg_type")
        publisher = self._shell.display_pub
        if kind in ("display_data", "update_display_data"):
            publisher.publish(
                content.get("data") or {},
                content.get("metadata") or {},
                transient=content.get("transient"),
                update=kind == "update_display_data",
            )
        elif kind == "execute_result":
            count = content.get("execution_count")
            self._result(content, count if isinstance(count, int) and 0 <= count < 1 << 32 else 0)
        elif kind == "stream":
            self._worker.write(2 if content.get("name") == "stderr" else 1, str(content.get("text", "")))
        elif kind == "clear_output":
            publisher.clear_output(content.get("wait", False))
        return message

    def _result(self, content, count):
        transient = content.get("transient") or {}
        display_id = transient.get("display_id")
        self._worker.display(
            "result",
            content.get("data") or {},
            content.get("metadata") or {},
            None if display_id is None else str(display_id),
            count,
        )

    def msg(self, msg_type, content=None, parent=None, *_args, **_keywords):
        header = {"msg_id": "nbvet", "msg_type": msg_type, "session": self.session, "username": self.username}
        return {
            "header": header,
            "msg_id": "nbvet",
            "msg_type": msg_type,
            "parent_header": parent or {},
            "content": content or {},
            "metadata": {},
        }


class IPythonKernel:
    """The least that makes libraries believe in a kernel."""

    implementation = "ipython"
    eventloop = None
    shell_streams = ()

    def __init__(self, shell, worker, comms):
        self.shell = shell
        self.session = _Session(shell, worker)
        self.iopub_socket = self.iopub_thread = _Socket()
        self.log = logging.getLogger("ipykernel")
        self._comms = comms
        self._parent_ident = b""

    @property
    def comm_manager(self):
        return self._comms.manager()

    @property
    def user_ns(self):
        return self.shell.user_ns

    @property
    def user_module(self):
        return self.shell.user_module

    @property
    def implementation_version(self):
        return sys.modules["IPython"].__version__

    @property
    def banner(self):
        return self.shell.banner

    @property
    def language_info(self):
        version = ".".join(str(part) for part in sys.version_info[:3])
        return {"name": "python", "version": version, "mimetype": "text/x-python", "file_extension": ".py"}

    @property
    def _parent_header(self):
        return self.shell.parent_header

    def get_parent(self, channel="shell"):
        return self.shell.parent_header

    def set_parent(self, ident, parent, channel="shell"):
        self.shell.parent_header = parent


IPythonKernel.__module__ = "ipykernel.ipkernel"


def request(message_id, source):
    """The message that a front end would have sent for a cell."""
    header = {"msg_id": message_id, "msg_type": "execute_request", "username": "nbvet", "session": "nbvet"}
    return {
        "header": {**header, "version": "5.3"},
        "msg_id": message_id,
        "msg_type": "execute_request",
        "parent_header": {},
        "metadata": {},
        "content": {"code": source, "silent": False, "store_history": True, "allow_stdin": False},
        "buffers": [],
    }
