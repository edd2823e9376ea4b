#!/usr/bin/env python3
"""A custom executor on pymesos. What a task does is in its data:

finish   TASK_RUNNING, TASK_FINISHED
wait     TASK_RUNNING, then TASK_KILLED when it is told to

A framework message is sent back with "echo: " before it.
"""
import logging
import sys

from pymesos import Executor, MesosExecutorDriver, decode_data, encode_data


class Conformance(Executor):
    def registered(self, driver, executor_info, framework_info, agent_info):
        print("registered as", executor_info["executor_id"]["value"], "on", agent_info["hostname"], flush=True)

    def reregistered(self, driver, agent_info):
        print("registered again on", agent_info["hostname"], flush=True)

    def launchTask(self, driver, task):
        print("launch", task["task_id"]["value"], flush=True)
        self.update(driver, task["task_id"], "TASK_RUNNING", "started by pymesos")
        if decode_data(task["data"]) == b"finish":
            self.update(driver, task["task_id"], "TASK_FINISHED", "done by pymesos", data=encode_data(b"result"))

    def killTask(self, driver, task_id):
        print("kill", task_id["value"], flush=True)
        self.update(driver, task_id, "TASK_KILLED", "killed by pymesos")

    def frameworkMessage(self, driver, message):
        print("message", decode_data(message), flush=True)
        driver.sendFrameworkMessage(encode_data(b"echo: " + decode_data(message)))

    def shutdown(self, driver):
        print("shutdown", flush=True)

    def error(self, driver, message):
        print("error", message, flush=True)

    def update(self, driver, task_id, state, message, **more):
        driver.sendStatusUpdate(dict(task_id=task_id, state=state, message=message, **more))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    MesosExecutorDriver(Conformance()).run()
