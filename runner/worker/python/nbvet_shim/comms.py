"""Comms without a kernel: what widgets say goes to the agent, which keeps their state as a front end does."""

import sys


class Comms:
    """Stands in for ipykernel's comm manager, once the notebook imports the `comm` package."""

    def __init__(self, session):
        self._session = session
        self._manager = None

    def install_again(self, _module):
        """ipykernel has put its own functions into `comm`."""
        self.install(sys.modules["comm"])

    def manager(self):
        """The comm manager; AttributeError where the environment has no `comm` package."""
        try:
            import comm
        except ImportError:
            raise AttributeError("comm_manager") from None
        return comm.get_comm_manager()

    def install(self, comm):
        """Take the place of the functions of the `comm` module."""
        from comm.base_comm import BaseComm, CommManager

        session = self._session
        if self._manager is None:
            self._manager = CommManager()

        class Comm(BaseComm):
            """Speaks to the agent."""

            def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
                target = keys.get("target_name")
                parts = [bytes(memoryview(buffer)) for buffer in buffers or ()]
                session.comm(
                    msg_type,
                    str(self.comm_id),
                    None if target is None else str(target),
                    {} if data is None else data,
                    parts,
                )

        Comm.__module__, Comm.__qualname__, Comm.__name__ = "ipykernel.comm.comm", "BaseComm", "BaseComm"
        comm.create_comm = Comm
        comm.get_comm_manager = lambda: self._manager

    def deliver(self, states):
        """Tell widgets what the front end made of them; the errors of their observers."""
        errors = []
        for comm_id, state in states.items():
            comm = self._manager.comms.get(comm_id) if self._manager is not None else None
            if comm is None:
                continue
            data = {"method": "update", "state": state, "buffer_paths": []}
            message = {"content": {"comm_id": comm_id, "data": data}, "buffers": [], "metadata": {}, "header": {}}
            try:
                comm.handle_msg(message)
            except Exception as error:
                errors.append(error)
        return errors
