"""Rich outputs: what IPython would print goes to the agent as displays. The classes are named as ipykernel's are."""

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.formatters import DisplayFormatter as Formatter

from nbvet_shim.figures import look


class ZMQShellDisplayHook(DisplayHook):
    """Keeps the value of the cell's last expression and sends what it looks like."""

    session = None
    # A list of one value, or of none.
    last = ()

    def __call__(self, result=None):
        self.last = [result]
        super().__call__(result)

    def write_output_prompt(self):
        """The prompt is the notebook's to show."""

    def write_format_data(self, format_dict, md_dict=None):
        self.session.display("result", format_dict, md_dict, None, self.prompt_count)

    def finish_displayhook(self):
        self._is_active = False


class ZMQDisplayPublisher(DisplayPublisher):
    """Sends displays, updates of displays and clear_output."""

    session = None

    def publish(self, data, metadata=None, source=None, *, transient=None, update=False, **_ignored):
        self._validate_data(data, metadata)
        display_id = (transient or {}).get("display_id")
        if display_id is not None and not isinstance(display_id, str):
            display_id = str(display_id)
        self.session.display("update" if update else "data", data, metadata, display_id, 0)

    def clear_output(self, wait=False):
        self.session.clear(bool(wait))


class DisplayFormatter(Formatter):
    """Looks at figures as they are shown."""

    session = None

    def format(self, obj, *args, **keywords):
        counts = look(obj)
        if counts is not None:
            self.session.figure(*counts)
        return super().format(obj, *args, **keywords)


ZMQShellDisplayHook.__module__ = "ipykernel.displayhook"
ZMQDisplayPublisher.__module__ = "ipykernel.zmqshell"
