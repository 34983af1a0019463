"""What notebooks and libraries expect at `get_ipython().kernel`, without a kernel."""


class _Session:
    """Understands the messages that notebooks send by hand."""

    def __init__(self, shell):
        self._shell = shell
        self.session = "nbvet"
        self.username = ""

    def send(self, stream, msg_or_type, content=None, *_args, **_keywords):
        message = msg_or_type if isinstance(msg_or_type, dict) else {"msg_type": msg_or_type, "content": content}
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
        elif kind == "clear_output":
            publisher.clear_output(content.get("wait", False))
        return message

    def msg(self, msg_type, content=None, **_keywords):
        return {"header": {"msg_type": msg_type}, "msg_type": msg_type, "content": content or {}, "metadata": {}}


class Kernel:
    """The least that makes libraries believe in a kernel."""

    implementation = "ipython"
    eventloop = None

    def __init__(self, shell):
        self.shell = shell
        self.session = _Session(shell)
        self.iopub_socket = None
        self.shell_streams = []
        self.user_ns = shell.user_ns
        self._parent_ident = b""
        self._parent_header = {}

    def get_parent(self, channel="shell"):
        return self._parent_header
