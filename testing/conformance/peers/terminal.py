"""Plays a person at a terminal beside a task: `terminal.py TEPUI MASTER TASK`; the task has OF_THE_TASK=yes. Exits with 0
if everything was as it should be."""

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time

TEPUI, MASTER, TASK = sys.argv[1:]
LIMIT = 60


class Terminal:
    def __init__(self, *arguments):
        self.master, self.slave = os.openpty()
        self.resize(24, 80)
        self.found = termios.tcgetattr(self.slave)
        self.seen = b""
        self.process = subprocess.Popen(
            [TEPUI, *arguments], stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), env=dict(os.environ, TERM="vt100"))

    def resize(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.master, keys)

    def wait_for(self, text):
        """Reads until `text` was shown, and forgets everything up to it."""
        end = time.monotonic() + LIMIT
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            assert ready, f"no {text!r} in {self.seen!r}"
            self.seen += os.read(self.master, 65536)
        self.seen = self.seen.split(text, 1)[1]

    def end(self, code):
        assert self.process.wait(LIMIT) == code, (self.process.returncode, self.seen)
        assert termios.tcgetattr(self.slave) == self.found, "the terminal is as it was"
        os.close(self.master)
        os.close(self.slave)


def in_raw_mode(terminal):
    return not termios.tcgetattr(terminal.slave)[3] & termios.ICANON


def shell():
    # The prompt cannot be taken for what was typed: that has quotes in it.
    terminal = Terminal("exec", "-it", "--master", MASTER, "--env", "PS1=rea''dy> ", TASK, "--", "sh")
    terminal.type(b"PS1='>'; echo begin''ning\n")
    terminal.wait_for(b"beginning\r\n")
    assert in_raw_mode(terminal)
    return terminal


# Its size, also when that changes; its kind; what the task has.
terminal = shell()
terminal.type(b"stty size\n")
terminal.wait_for(b"24 80\r\n")
terminal.resize(33, 111)
terminal.type(b"until [ \"$(stty size)\" = '33 111' ]; do sleep 0.05; done; echo resi''zed $TERM $OF_THE_TASK\n")
terminal.wait_for(b"resized vt100 yes\r\n")

# Ctrl-C goes to what runs there, and nothing else ends.
terminal.type(b"echo slee''ping; sleep 1000\n")
terminal.wait_for(b"sleeping\r\n")
time.sleep(0.2)
terminal.type(b"\x03")
terminal.type(b"echo status''=$?\n")
terminal.wait_for(b"status=130\r\n")
terminal.type(b"exit 5\n")
terminal.end(5)

# Ctrl-D is the end of input.
terminal = shell()
terminal.type(b"\x04")
terminal.end(0)

# Whoever ends it gets a usable terminal back.
for number in (signal.SIGTERM, signal.SIGHUP):
    terminal = shell()
    terminal.process.send_signal(number)
    terminal.end(128 + number)

# Without a terminal of its own, the task is only looked at, and the keys are ours.
terminal = Terminal("attach", "--master", MASTER, TASK)
terminal.wait_for(b"has no terminal")
assert not in_raw_mode(terminal)
terminal.type(b"\x03")
terminal.end(-signal.SIGINT)
