"""The measure itself: what a command leaves behind is counted, and failing commands give no figures."""

import os
import subprocess
import sys
import time
import unittest

import measure

BURN = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
# The child of the child lives on when its parent is gone.
DETACH = (
    f"import os\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        exec({BURN!r})\n    os._exit(0)"
)


def python(code, good=(0,)):
    return measure.Tool("python", [sys.executable, "-S", "-c", code], good)


class MeasureTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        measure.adopt_orphans()

    def test_cpu_of_the_command_itself_is_counted(self):
        self.assertGreater(measure.run_once(python(BURN)).cpu, 0.29)

    def test_a_server_lives_on_and_is_not_waited_for(self):
        with subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"]) as server:
            measure.SERVICES.add(server.pid)
            begin = time.monotonic()
            measure.run_once(python("pass"))
            self.assertLess(time.monotonic() - begin, measure.ORPHAN_SECONDS)
            self.assertIsNone(server.poll())
            measure.SERVICES.discard(server.pid)
            server.kill()

    def test_cpu_of_a_waited_for_child_is_counted(self):
        code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-S', '-c', {BURN!r}])"
        self.assertGreater(measure.run_once(python(code)).cpu, 0.29)

    def test_cpu_of_a_process_that_detached_itself_is_counted(self):
        self.assertGreater(measure.run_once(python(DETACH)).cpu, 0.29)

    def test_idle_commands_cost_next_to_nothing(self):
        self.assertLess(measure.run_once(python("import time\ntime.sleep(0.3)")).cpu, 0.2)

    def test_a_command_that_fails_gives_its_output_and_no_figures(self):
        with self.assertRaisesRegex(measure.CommandFailed, "exit code 3\nno such thing"):
            measure.run_once(python("print('no such thing')\nraise SystemExit(3)"))

    def test_exit_codes_of_work_done_are_no_failure(self):
        self.assertGreater(measure.run_once(python("raise SystemExit(1)", good=(0, 1))).wall, 0)

    def test_memory_is_that_of_the_whole_tree(self):
        hold = "import time\nheld = b'x' * 50_000_000\ntime.sleep(0.5)"
        code = f"import os, time\nif os.fork() == 0:\n    exec({hold!r})\n    os._exit(0)\n{hold}\nos.wait()"
        self.assertGreater(measure.peak_memory(python(code)), 100e6)

    def test_no_process_is_left_behind(self):
        measure.run_once(python(DETACH))
        self.assertEqual(measure.children_of(os.getpid()), [])


if __name__ == "__main__":
    unittest.main()
