#!/usr/bin/env python3
"""pymesos's operator driver, which posts to /api/v1/operator, a path that only Mesos's routing by prefix makes work.

    pymesos_operator.py MASTER_HOST:PORT AGENTS

Reads everything there is to read of a master with so many agents, then follows its event stream while another framework
comes and goes. Prints a transcript; exits 0 only when all that it expected was seen.
"""
import json
import logging
import sys

from pymesos import MesosOperatorMasterDriver, MesosSchedulerDriver, OperatorMaster, Scheduler

from transcript import Events, check, finish, say

MASTER, AGENTS = sys.argv[1], int(sys.argv[2])
events = Events()
registered = Events()


class Watcher(OperatorMaster):
    def taskAdded(self, task_info):
        events.put("task-added", task_info)

    def taskUpdated(self, task_info):
        events.put("task-updated", task_info)

    def frameworkAdded(self, framework_info):
        events.put("framework-added", framework_info)

    def frameworkUpdated(self, framework_info):
        events.put("framework-updated", framework_info)

    def frameworkRemoved(self, framework_info):
        events.put("framework-removed", framework_info)

    def agentAdded(self, agent_info):
        events.put("agent-added", agent_info)

    def agentRemoved(self, agent_id):
        events.put("agent-removed", agent_id)


class Visitor(Scheduler):
    def registered(self, driver, framework_id, master_info):
        registered.put("registered", framework_id["value"])


def ask(name, *arguments):
    """One call; the answer's member has the call's name."""
    answer = getattr(driver, name)(*arguments)
    say("->", name, "<-", json.dumps(answer)[:200])
    return answer


def reads():
    check(ask("getHealth") == {"type": "GET_HEALTH", "get_health": {"healthy": True}}, "a healthy master")
    version = ask("getVersion")["get_version"]["version_info"]["version"]
    # The scheduler driver reads the version so.
    check(tuple(int(part) for part in version.split(".")) >= (1, 0, 0), "a version of numbers and dots: %s" % version)
    names = [flag["name"] for flag in ask("getFlags")["get_flags"]["flags"]]
    check("work_dir" in names, "a flag work_dir among %s" % names)
    metrics = dict((m["name"], m["value"]) for m in ask("getMetrics", 200 * 10**6)["get_metrics"]["metrics"])
    check(metrics["master/elected"] == 1.0, "master/elected is 1")
    check(metrics["master/slaves_active"] == float(AGENTS), "master/slaves_active is %d" % AGENTS)
    check(ask("getMaster")["get_master"]["master_info"]["port"] > 0, "the master's port")
    agents = ask("getAgents")["get_agents"].get("agents", [])
    check(len(agents) == AGENTS, "%d agents" % AGENTS)
    for agent in agents:
        check(agent["active"], "an active agent")
        check(agent["total_resources"], "an agent's resources")
    check(ask("getFrameworks")["get_frameworks"].get("frameworks", []) == [], "no frameworks")
    check(ask("getExecutors")["get_executors"].get("executors", []) == [], "no executors")
    check(ask("getTasks")["get_tasks"].get("tasks", []) == [], "no tasks")
    check("get_roles" in ask("getRoles"), "roles")
    state = ask("getState")["get_state"]
    for part in ("get_tasks", "get_executors", "get_frameworks", "get_agents"):
        check(part in state, "%s in the state" % part)


def follow():
    say("-> SUBSCRIBE")
    driver.start()
    while driver.stream_id is None:
        check(driver._io_thread.is_alive(), "a stream that was accepted")
        events.quiet(0.05)
    framework = dict(user="root", name="visitor", hostname="conformance.test", failover_timeout=0.0)
    visitor = MesosSchedulerDriver(Visitor(), framework, MASTER)
    visitor.start()
    (framework_id,) = registered.expect("registered")
    (added,) = events.expect("framework-added")
    added = added["framework_info"]
    check(added["id"]["value"] == framework_id, "the visitor, not %s" % added)
    check(added["name"] == "visitor", "the visitor's name: %s" % added)
    visitor.stop()
    visitor.join()
    (removed,) = events.expect("framework-removed")
    check(removed["id"]["value"] == framework_id, "the visitor gone, not %s" % removed)


def everything():
    reads()
    follow()


logging.basicConfig(level=logging.WARNING, stream=sys.stdout)
# It logs the whole state that a stream begins with.
logging.getLogger("pymesos").setLevel(logging.WARNING)
driver = MesosOperatorMasterDriver(MASTER, Watcher())
finish(everything)
