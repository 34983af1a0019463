"""What a cell prints and shows arrives whole and in order."""

import base64


def names(cell):
    return [name for name, _ in cell.outputs]


def test_prints_to_both_streams_and_displays_keep_their_order(each):
    cell = each.run(
        "import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')\ndisplay(1)\nprint('d', file=sys.stderr)\n2"
    )
    assert names(cell) == ["stdout", "stderr", "stdout", "display", "stderr", "display"]
    assert cell.text() == "a\nc\n" and cell.text("stderr") == "b\nd\n"


def test_many_changes_of_stream_keep_their_order(worker):
    cell = worker.run("import sys\nfor i in range(300):\n    print(i, file=sys.stderr if i % 2 else sys.stdout)")
    assert [text for _, text in cell.outputs] == [f"{i}\n" for i in range(300)]


def test_text_written_to_the_descriptors_is_seen(each):
    cell = each.run("import os\nos.write(1, b'one\\n')\nos.write(2, b'two\\n')\nos.system('echo three')")
    assert cell.text() == "one\nthree\n" and cell.text("stderr") == "two\n"


def test_output_of_children_is_seen(worker):
    cell = worker.run("import subprocess\nsubprocess.run(['echo', 'child'])\n!echo shell\nx = !echo kept\nprint(x)")
    # `!` runs in a pseudo-terminal, as in Jupyter.
    assert cell.text() == "child\nshell\r\n['kept']\n"


def test_closing_descriptors_1_and_2_loses_nothing_that_python_prints(worker):
    cell = worker.run("import os, sys\nos.close(1)\nos.close(2)\nprint('out')\nprint('err', file=sys.stderr)")
    assert cell.text() == "out\n" and cell.text("stderr") == "err\n"
    assert worker.run("print('next')").text() == "next\n"


def test_printing_to_a_closed_sys_stdout_fails_as_in_a_kernel_and_the_descriptor_stays(worker):
    worker.run("import os, sys\nsys.stdout.close()")
    cell = worker.run("os.write(1, b'still')\nprint('not any more')")
    assert cell.error["value"] == "I/O operation on closed file" and cell.text() == "still"


def test_an_exception_is_shown_where_it_happened_and_once(worker):
    cell = worker.run("print('a')\n1/0")
    (shown,) = cell.displays()
    assert shown["type"] == "error" and shown["name"] == "ZeroDivisionError" and cell.kind == "raised"
    assert not worker.run("%no_such_magic").displays()


def test_widgets_speak_to_the_agent_and_are_told_what_their_outputs_caught(worker):
    cell = worker.run("import ipywidgets\nout = ipywidgets.Output()\nwith out: print('caught')")
    said = [shown for shown in cell.displays() if shown["type"] == "comm"]
    opened = [one for one in said if one["action"] == "open"]
    assert {one["target"] for one in opened} == {"jupyter.widget"}
    assert [one["data"]["state"]["msg_id"] for one in said if "msg_id" in one["data"].get("state", {})][-2:] == [
        "nbvet-cell-0",
        "",
    ]
    (output,) = [one["id"] for one in opened if one["data"]["state"]["_model_name"] == "OutputModel"]
    stream = {"output_type": "stream", "name": "stdout", "text": "caught"}
    cell = worker.run("out.outputs[0]['text']", widgets={output: {"outputs": [stream]}})
    assert [one["data"]["text/plain"] for one in cell.displays() if one["type"] == "result"] == ["'caught'"]


def test_a_front_end_that_names_widgets_that_are_not_there_does_no_harm(worker):
    assert worker.run("1", widgets={"nobody": {"outputs": []}}).kind == "ok"


def test_an_observer_that_fails_is_told_and_stops_nothing(worker):
    worker.run(
        "import ipywidgets\nout = ipywidgets.Output()\nout.observe(lambda change: 1/0, names='outputs')\nout.comm.comm_id"
    )
    comm = worker.run("print(out.comm.comm_id)").text().strip()
    stream = {"output_type": "stream", "name": "stdout", "text": "x"}
    cell = worker.run("'goes on'", widgets={comm: {"outputs": [stream]}})
    assert cell.kind == "ok"
    (fact,) = cell.of("afterCell") or cell.of("after-cell")
    assert fact["error"]["name"] == "ZeroDivisionError"


def test_ipykernel_is_there_for_who_asks_and_is_not_loaded_until_somebody_looks_into_it(worker):
    code = "import sys\nprint('ipykernel.zmqshell' in sys.modules, 'zmq' in sys.modules)\n"
    code += "[getattr(module, '__file__', None) for module in sys.modules.copy().values()]\n"
    assert worker.run(code + "print('zmq' in sys.modules)").text().split() == ["True", "False", "False"]
    cell = worker.run(
        "from ipykernel.zmqshell import ZMQInteractiveShell\nfrom ipykernel.iostream import OutStream\n"
        "print(isinstance(get_ipython(), ZMQInteractiveShell), isinstance(sys.stdout, OutStream))\n"
        "import ipykernel, ipykernel.kernelbase\nprint(ipykernel.__version__ == ipykernel._version.__version__)"
    )
    assert cell.text().split() == ["True", "True", "True"]


def test_python_s_own_stdout_object_is_not_held_back(worker):
    assert worker.run("import sys\nprint('raw', file=sys.__stdout__)").text() == "raw\n"


def test_sys_stdout_looks_like_a_notebook_s(worker):
    cell = worker.run(
        "import sys\nold = sys.stdout.write\nsys.stdout.write = lambda text: old(text.upper())\nprint('x')\n"
        "sys.stdout.write = old\nprint(sys.stdout.fileno(), sys.stdout.encoding, sys.stdout.isatty())"
    )
    assert cell.text() == "X\n1 UTF-8 False\n"


def test_text_that_utf8_cannot_hold_is_escaped(worker):
    assert worker.run("print('a\\udc80b')").text() == "a\\udc80b\n"


def test_megabytes_arrive(worker):
    cell = worker.run("print('x' * 5_000_000)")
    assert len(cell.text()) == 5_000_001


def test_a_large_display_is_replaced_by_a_note(worker):
    cell = worker.run("'x' * 25_000_000")
    (display,) = cell.displays()
    assert display["type"] == "result" and "more than 20 MiB" in display["data"]["text/plain"]


def test_text_that_looks_like_the_protocol_is_text(worker):
    cell = worker.run("import os\nos.write(1, b'\\x00\\x00\\x00\\x14{\"type\":\"cell-done\"}\\n')")
    assert "cell-done" in cell.text() and cell.kind == "ok"


def test_display_ids_updates_and_clear_output(each):
    cell = each.run(
        "from IPython.display import display, update_display, clear_output\n"
        "display('a', display_id='one')\nupdate_display('b', display_id='one')\nclear_output(wait=True)"
    )
    data, update, clear = cell.displays()
    assert (data["type"], data["displayId"]) == ("data", "one")
    assert (update["type"], update["displayId"], update["data"]["text/plain"]) == ("update", "one", "'b'")
    assert clear == {"type": "clear", "wait": True}


def test_a_display_sent_through_the_kernel_by_hand_arrives(worker):
    cell = worker.run(
        "k = get_ipython().kernel\nk.session.send(k.iopub_socket, 'update_display_data', "
        "{'data': {'text/plain': 'x'}, 'metadata': {}, 'transient': {'display_id': 'h'}});"
    )
    assert cell.displays()[0]["displayId"] == "h"


def test_bytes_and_odd_values_of_a_mime_bundle_become_json(worker):
    cell = worker.run(
        "from IPython.display import display\n"
        "display({'image/png': b'\\x89PNG', 'application/json': {1: [float('nan'), 2**70, None, True, object()]}}, raw=True)"
    )
    data = cell.displays()[0]["data"]
    assert base64.b64decode(data["image/png"]) == b"\x89PNG"
    assert data["application/json"] == {"1": ["nan", 2.0**70, None, True, "<object>"]}


def test_matplotlib_figures_are_drawn_inline(worker):
    cell = worker.run("import matplotlib.pyplot as plt\nplt.plot([1, 2]);")
    (display,) = cell.displays()
    assert base64.b64decode(display["data"]["image/png"]).startswith(b"\x89PNG")


def test_a_pager_prints_nothing(worker):
    assert worker.run("len?").outputs == []


def test_output_of_a_thread_between_cells_is_not_lost(worker):
    worker.run(
        "import threading, time\nfrom IPython.display import display\n"
        "def late():\n    time.sleep(0.2)\n    print('late')\n    display('shown')\n"
        "thread = threading.Thread(target=late)\nthread.start()"
    )
    import time

    time.sleep(0.5)
    cell = worker.run("print('now')")
    assert cell.text() == "late\nnow\n" and len(cell.displays()) == 1


def test_threads_that_print_to_both_streams_do_not_block_each_other(worker):
    cell = worker.run(
        "import sys, threading\n"
        "def shout(stream):\n    for _ in range(200):\n        print('x' * 500, file=stream)\n"
        "threads = [threading.Thread(target=shout, args=(s,)) for s in (sys.stdout, sys.stderr) * 2]\n"
        "[t.start() for t in threads]\n[t.join() for t in threads];"
    )
    assert len(cell.text()) == len(cell.text("stderr")) == 2 * 200 * 501
