"""A custom executor on compactor, libprocess in Python: no driver at all, only messages. For Python 2.7.

What a task does is in its data:

finish   TASK_RUNNING, TASK_FINISHED
wait     TASK_RUNNING, then TASK_KILLED when it is told to

A framework message is sent back with "echo: " before it.
"""
from __future__ import print_function

import logging
import os
import sys
import threading
import time
import uuid

from compactor.context import Context
from compactor.pid import PID
from compactor.process import ProtobufProcess
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from mesos.interface import mesos_pb2

FIELD = descriptor_pb2.FieldDescriptorProto
# Of the messages between agents and executors, what this program reads or writes: names, numbers, types, and whether a
# message without them is none.
MESSAGES = {
    "StatusUpdate": [
        ("framework_id", 1, "FrameworkID", True),
        ("executor_id", 2, "ExecutorID", False),
        ("slave_id", 3, "SlaveID", False),
        ("status", 4, "TaskStatus", True),
        ("timestamp", 5, FIELD.TYPE_DOUBLE, True),
        ("uuid", 6, FIELD.TYPE_BYTES, False),
    ],
    "RegisterExecutorMessage": [("framework_id", 1, "FrameworkID", True), ("executor_id", 2, "ExecutorID", True)],
    "ExecutorRegisteredMessage": [
        ("executor_info", 2, "ExecutorInfo", True),
        ("framework_id", 3, "FrameworkID", True),
        ("framework_info", 4, "FrameworkInfo", True),
        ("slave_id", 5, "SlaveID", True),
        ("slave_info", 6, "SlaveInfo", True),
    ],
    "RunTaskMessage": [("framework", 2, "FrameworkInfo", True), ("task", 4, "TaskInfo", True)],
    "KillTaskMessage": [("framework_id", 1, "FrameworkID", True), ("task_id", 2, "TaskID", True)],
    "StatusUpdateMessage": [("update", 1, ".mesos.internal.StatusUpdate", True), ("pid", 2, FIELD.TYPE_STRING, False)],
    "StatusUpdateAcknowledgementMessage": [
        ("slave_id", 1, "SlaveID", True),
        ("framework_id", 2, "FrameworkID", True),
        ("task_id", 3, "TaskID", True),
        ("uuid", 4, FIELD.TYPE_BYTES, True),
    ],
    "FrameworkToExecutorMessage": [
        ("slave_id", 1, "SlaveID", True),
        ("framework_id", 2, "FrameworkID", True),
        ("executor_id", 3, "ExecutorID", True),
        ("data", 4, FIELD.TYPE_BYTES, True),
    ],
    "ExecutorToFrameworkMessage": [
        ("slave_id", 1, "SlaveID", True),
        ("framework_id", 2, "FrameworkID", True),
        ("executor_id", 3, "ExecutorID", True),
        ("data", 4, FIELD.TYPE_BYTES, True),
    ],
    "ShutdownExecutorMessage": [],
}


def internal():
    """Classes for these messages."""
    interface = mesos_pb2.DESCRIPTOR
    described = descriptor_pb2.FileDescriptorProto(
        name="internal.proto", package="mesos.internal", dependency=[interface.name], syntax="proto2"
    )
    for name, fields in MESSAGES.items():
        message = described.message_type.add(name=name)
        for field, number, kind, required in fields:
            label = FIELD.LABEL_REQUIRED if required else FIELD.LABEL_OPTIONAL
            if isinstance(kind, int):
                message.field.add(name=field, number=number, type=kind, label=label)
            else:
                kind = kind if kind.startswith(".") else ".mesos." + kind
                message.field.add(name=field, number=number, type=FIELD.TYPE_MESSAGE, type_name=kind, label=label)
    pool = descriptor_pool.Default()
    pool.Add(described)
    factory = message_factory.MessageFactory(pool)
    return {
        name: factory.GetPrototype(pool.FindMessageTypeByName("mesos.internal." + name)) for name in MESSAGES
    }


INTERNAL = internal()
over = threading.Event()


def say(*words):
    print(*words)
    sys.stdout.flush()


class Conformance(ProtobufProcess):
    def __init__(self):
        super(Conformance, self).__init__("executor(1)")
        self.agent = PID.from_string(os.environ["MESOS_SLAVE_PID"])
        self.ids = dict(
            framework_id=mesos_pb2.FrameworkID(value=os.environ["MESOS_FRAMEWORK_ID"]),
            executor_id=mesos_pb2.ExecutorID(value=os.environ["MESOS_EXECUTOR_ID"]),
        )
        self.slave_id = mesos_pb2.SlaveID(value=os.environ["MESOS_SLAVE_ID"])

    def initialize(self):
        self.link(self.agent)
        self.send(self.agent, INTERNAL["RegisterExecutorMessage"](**self.ids))

    def exited(self, pid):
        say("lost", pid)
        over.set()

    @ProtobufProcess.install(INTERNAL["ExecutorRegisteredMessage"])
    def registered(self, agent, message):
        say("registered as", message.executor_info.executor_id.value, "on", message.slave_info.hostname)

    @ProtobufProcess.install(INTERNAL["RunTaskMessage"])
    def launch(self, agent, message):
        task = message.task
        say("launch", task.task_id.value)
        self.update(task.task_id, "TASK_RUNNING", message="started by compactor")
        if task.data == b"finish":
            self.update(task.task_id, "TASK_FINISHED", message="done by compactor", data=b"result")

    @ProtobufProcess.install(INTERNAL["KillTaskMessage"])
    def kill(self, agent, message):
        say("kill", message.task_id.value)
        self.update(message.task_id, "TASK_KILLED", message="killed by compactor")

    @ProtobufProcess.install(INTERNAL["StatusUpdateAcknowledgementMessage"])
    def acknowledged(self, agent, message):
        say("acknowledged", message.task_id.value, uuid.UUID(bytes=message.uuid))

    @ProtobufProcess.install(INTERNAL["FrameworkToExecutorMessage"])
    def message(self, agent, message):
        say("message", message.data)
        reply = INTERNAL["ExecutorToFrameworkMessage"](slave_id=self.slave_id, data=b"echo: " + message.data, **self.ids)
        self.send(self.agent, reply)

    @ProtobufProcess.install(INTERNAL["ShutdownExecutorMessage"])
    def shutdown(self, agent, message):
        say("shutdown")
        over.set()

    def update(self, task_id, state, **status):
        number = mesos_pb2.TaskState.Value(state)
        now, number_of_update = time.time(), uuid.uuid4().bytes
        status = mesos_pb2.TaskStatus(
            task_id=task_id, state=number, slave_id=self.slave_id, timestamp=now, uuid=number_of_update, **status
        )
        update = INTERNAL["StatusUpdate"](
            slave_id=self.slave_id, status=status, timestamp=now, uuid=number_of_update, **self.ids
        )
        self.send(self.agent, INTERNAL["StatusUpdateMessage"](update=update, pid=str(self.pid)))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    context = Context()
    context.start()
    context.spawn(Conformance())
    # An untimed wait of Python 2 hears no signals.
    while not over.wait(1):
        pass
