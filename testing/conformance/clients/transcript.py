"""What the Python clients here share: a transcript, and waiting for the next event that fits."""
import queue
import sys
import time


class Unexpected(Exception):
    """What had to come did not, or something else came."""


def say(*words):
    # One write a line: two threads speak here.
    sys.stdout.write("%8.3f %s\n" % (time.monotonic() - START, " ".join(map(str, words))))
    sys.stdout.flush()


START = time.monotonic()


class Events:
    """What the driver's callbacks saw, in order, for the main thread to wait for."""

    def __init__(self):
        self._queue = queue.Queue()

    def put(self, kind, *what):
        say("<-", kind, *what)
        self._queue.put((kind, *what))

    def expect(self, kind, fits=lambda *what: True, ignoring=(), timeout=30):
        """The next event, which must be of this kind and fit. Kinds in `ignoring` may come before it."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                event = self._queue.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise Unexpected("no %s within %d s" % (kind, timeout)) from None
            if event[0] == kind and fits(*event[1:]):
                return event[1:]
            if event[0] not in ignoring:
                raise Unexpected("expected %s, got %s" % (kind, event))

    def quiet(self, seconds, ignoring=()):
        """Nothing may come for a while."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                event = self._queue.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                return
            if event[0] not in ignoring:
                raise Unexpected("expected nothing, got %s" % (event,))


def finish(run):
    """Runs the program; exits 0 only when it saw all that it expected."""
    try:
        run()
    except Unexpected as problem:
        say("FAILED:", problem)
        sys.exit(1)
    say("PASSED")
    # The drivers' threads are daemons; nothing is left to wait for.
    sys.exit(0)


def check(condition, what):
    if not condition:
        raise Unexpected(what)
