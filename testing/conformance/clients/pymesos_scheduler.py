#!/usr/bin/env python3
"""A scheduler on pymesos with a custom executor on pymesos: one framework's whole life.

    pymesos_scheduler.py MASTER_HOST:PORT explicit|implicit [NAME COMMAND]

The second argument says who acknowledges updates: this program, or the driver by itself. Another executor that does the
same can be given by its name and command.
Prints a transcript; exits 0 only when all that it expected was seen.
"""
import logging
import os
import sys

from pymesos import MesosSchedulerDriver, Scheduler, decode_data, encode_data

from transcript import Events, check, finish, say

MASTER, ACKNOWLEDGE = sys.argv[1:3]
EXPLICIT = {"explicit": True, "implicit": False}[ACKNOWLEDGE]
HERE = os.path.dirname(os.path.abspath(__file__))
OURS = ["pymesos", "exec %s %s" % (sys.executable, os.path.join(HERE, "pymesos_executor.py"))]
NAME, COMMAND = sys.argv[3:] or OURS
EXECUTOR = dict(
    executor_id=dict(value=NAME),
    name=NAME + " executor",
    command=dict(value=COMMAND),
    resources=[
        dict(name="cpus", type="SCALAR", scalar=dict(value=0.1)),
        dict(name="mem", type="SCALAR", scalar=dict(value=32)),
    ],
)
events = Events()
# Offers that are ours at the moment, by id.
held = {}


class Conformance(Scheduler):
    def registered(self, driver, framework_id, master_info):
        events.put("registered", framework_id["value"])

    def reregistered(self, driver, master_info):
        events.put("reregistered")

    def disconnected(self, driver):
        events.put("disconnected")

    def resourceOffers(self, driver, offers):
        held.update((one["id"]["value"], one) for one in offers)
        events.put("offers", [summary(one) for one in offers])

    def offerRescinded(self, driver, offer_id):
        held.pop(offer_id["value"], None)
        events.put("rescinded", offer_id["value"])

    def statusUpdate(self, driver, update):
        events.put("update", update)

    def frameworkMessage(self, driver, executor_id, agent_id, data):
        events.put("message", executor_id["value"], decode_data(data).decode())

    def executorLost(self, driver, executor_id, agent_id, status):
        events.put("executor-lost", executor_id["value"], status)

    def slaveLost(self, driver, agent_id):
        events.put("agent-lost", agent_id["value"])

    def error(self, driver, message):
        events.put("error", message)

    def processHeartBeat(self, driver):
        events.put("heartbeat")


def task(name, data, agent_id):
    return dict(
        task_id=dict(value=name),
        name=name,
        agent_id=agent_id,
        executor=EXECUTOR,
        data=encode_data(data),
        resources=[
            dict(name="cpus", type="SCALAR", scalar=dict(value=0.1)),
            dict(name="mem", type="SCALAR", scalar=dict(value=32)),
        ],
    )


def scalars(offer):
    return dict((r["name"], r["scalar"]["value"]) for r in offer["resources"] if r["type"] == "SCALAR")


def summary(offer):
    return offer["id"]["value"], scalars(offer)


def offer():
    """An offer with room for our tasks: one that is held, or the next to come."""
    while True:
        for one in list(held.values()):
            room = scalars(one)
            if room.get("cpus", 0) >= 0.5 and room.get("mem", 0) >= 128:
                return one
        events.expect("offers", ignoring=("heartbeat", "rescinded"))


def take(offer):
    """Its id, for a call that uses it up."""
    del held[offer["id"]["value"]]
    return [offer["id"]]


def updated(name, state, reason=None):
    """The next update, which must be this one, acknowledged. Offers that come in between are held."""
    (status,) = events.expect("update", ignoring=("heartbeat", "offers"))
    check(status["task_id"]["value"] == name, "an update of %s, not %s" % (name, status))
    check(status["state"] == state, "%s of %s, not %s" % (state, name, status))
    if reason is not None:
        check(status.get("reason") == reason, "%s, not %s" % (reason, status))
        check("uuid" not in status, "an answer of the master has no uuid: %s" % status)
    else:
        check("uuid" in status, "an update of an executor has a uuid: %s" % status)
        if EXPLICIT:
            # Until it is acknowledged the task's next update waits at the agent.
            events.quiet(0.5, ignoring=("heartbeat", "offers"))
            say("-> ACKNOWLEDGE", name, state)
            driver.acknowledgeStatusUpdate(status)
    return status


def life():
    events.expect("registered")
    # At once, but either before or after the first offers.
    events.expect("heartbeat", ignoring=("offers",), timeout=5)

    first = offer()
    say("-> DECLINE", first["id"]["value"])
    driver.declineOffer(take(first), dict(refuse_seconds=0.0))
    second = offer()
    check(second["id"] != first["id"], "a declined offer comes back under a new id")

    say("-> ACCEPT finish")
    agent_id = second["agent_id"]
    driver.launchTasks(take(second), [task("finish", b"finish", agent_id)], dict(refuse_seconds=0.0))
    running = updated("finish", "TASK_RUNNING")
    check(running["source"] == "SOURCE_EXECUTOR", "the executor as the source: %s" % running)
    check(running["agent_id"] == agent_id, "the agent that was asked: %s" % running)
    check(running["message"] == "started by " + NAME, "the executor's own words: %s" % running)
    finished = updated("finish", "TASK_FINISHED")
    check(decode_data(finished["data"]) == b"result", "the task's data: %s" % finished)
    check(finished["uuid"] != running["uuid"], "two updates have two uuids")

    say("-> ACCEPT wait, on the same executor")
    driver.launchTasks(take(offer()), [task("wait", b"wait", agent_id)], dict(refuse_seconds=0.0))
    updated("wait", "TASK_RUNNING")

    say("-> MESSAGE")
    driver.sendFrameworkMessage(EXECUTOR["executor_id"], agent_id, encode_data(b"hello"))
    sender, text = events.expect("message", ignoring=("heartbeat", "offers"))
    check((sender, text) == (NAME, "echo: hello"), "the executor's echo, not %r" % text)

    say("-> RECONCILE wait")
    driver.reconcileTasks([dict(task_id=dict(value="wait"))])
    updated("wait", "TASK_RUNNING", "REASON_RECONCILIATION")
    say("-> RECONCILE all")
    driver.reconcileTasks([])
    updated("wait", "TASK_RUNNING", "REASON_RECONCILIATION")
    say("-> RECONCILE a task that never was")
    driver.reconcileTasks([dict(task_id=dict(value="never"))])
    updated("never", "TASK_LOST", "REASON_RECONCILIATION")

    say("-> KILL wait")
    driver.killTask(dict(value="wait"))
    updated("wait", "TASK_KILLED")

    say("-> SUPPRESS, then DECLINE all for an hour")
    driver.suppressOffers()
    # What was on its way when SUPPRESS was sent still comes.
    events.quiet(1, ignoring=("heartbeat", "offers"))
    driver.declineOffer([dict(value=one) for one in list(held)], dict(refuse_seconds=3600.0))
    held.clear()
    events.quiet(2, ignoring=("heartbeat",))
    say("-> REVIVE, which also forgets what was declined")
    driver.reviveOffers()
    offer()

    say("-> TEARDOWN")
    driver.stop()
    driver.join()


logging.basicConfig(level=logging.WARNING, stream=sys.stdout)
framework = dict(user="root", name="pymesos " + ACKNOWLEDGE, hostname="conformance.test", failover_timeout=30.0)
driver = MesosSchedulerDriver(Conformance(), framework, MASTER, implicit_acknowledgements=not EXPLICIT)
driver.start()
finish(life)
