// A scheduler on npm's mesos-framework that runs command tasks.
//
//     node mesos_framework.js MASTER_HOST:PORT [finished|failed]
//
// Two instances of a command that ends well; expects to see each of them running and finished, and the long one killed.
// Against a cluster without Mesos's command executor (the genuine one in local mode) it expects them to fail instead.
// Prints a transcript; exits 0 only when all that it expected was seen.
"use strict";

const path = require("path");
const { createRequire } = require("module");

const [host, port] = process.argv[2].split(":");
const expectFailure = process.argv[3] === "failed";
// The package lives where NODE_PATH says, not here.
const { Scheduler, Mesos: mesosModule } = createRequire(path.join(process.env.NODE_PATH, "here.js"))("mesos-framework");
const Mesos = mesosModule.getMesos();

const start = Date.now();
const say = (...words) => console.log(((Date.now() - start) / 1000).toFixed(3).padStart(8), ...words);
const fail = (why) => {
    say("FAILED:", why);
    process.exit(1);
};
const limit = setTimeout(() => fail("it took more than 60 s"), 60000);

const command = (line) => new Mesos.CommandInfo(null, new Mesos.Environment([]), true, line, null, null);
const resources = { cpus: 0.1, mem: 32, ports: 1, disk: 0 };
const scheduler = new Scheduler({
    masterUrl: host,
    port: port,
    frameworkName: "mesos-framework",
    frameworkFailoverTimeout: 30,
    masterConnectionTimeout: 60,
    // It would start failed tasks again.
    restartStates: ["TASK_LOST"],
    logging: { path: process.cwd(), fileName: "mesos-framework.log", level: "warn" },
    tasks: {
        short: { priority: 1, instances: 2, commandInfo: command("echo from node, port $PORT0"), resources },
        long: { priority: 2, instances: 1, commandInfo: command("sleep 1000"), resources },
    },
});

let heartbeats = 0;
// Updates that came and are not acknowledged yet.
let unacknowledged = 0;
let killed = false;
// States by task name, in the order in which they came.
const states = {};

function ended(name) {
    const last = (states[name] || []).slice(-1)[0];
    return ["TASK_FINISHED", "TASK_FAILED", "TASK_KILLED"].includes(last) ? last : undefined;
}

function judge() {
    const names = ["short-1", "short-2", "long-1"];
    if (!names.every(ended) || unacknowledged > 0) {
        return;
    }
    const expected = expectFailure
        ? { "short-1": ["TASK_FAILED"], "short-2": ["TASK_FAILED"], "long-1": ["TASK_FAILED"] }
        : {
              "short-1": ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"],
              "short-2": ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"],
              "long-1": ["TASK_STARTING", "TASK_RUNNING", "TASK_KILLED"],
          };
    if (names.some((name) => states[name].join() !== expected[name].join())) {
        fail(`states ${JSON.stringify(states)} instead of ${JSON.stringify(expected)}`);
    }
    if (heartbeats === 0) {
        fail("no heartbeat");
    }
    say("-> TEARDOWN");
    // The master closes the stream: from here on that is no error.
    scheduler.removeAllListeners("error");
    scheduler.on("error", () => {});
    scheduler.once("sent_teardown", () => {
        say("PASSED");
        clearTimeout(limit);
        process.exit(0);
    });
    scheduler.teardown();
}

scheduler.on("ready", () => {
    say("-> SUBSCRIBE");
    scheduler.subscribe();
});
scheduler.on("subscribed", (it) => say("<- subscribed", it.frameworkId, "stream", it.mesosStreamId));
scheduler.on("heartbeat", () => {
    heartbeats += 1;
    say("<- heartbeat");
});
scheduler.on("offers", (event) => say("<- offers", event.offers.map((offer) => offer.id.value).join(" ")));
scheduler.on("sent_accept", () => say("-> ACCEPT"));
scheduler.on("sent_decline", () => say("-> DECLINE"));
scheduler.on("sent_acknowledge", () => {
    say("-> ACKNOWLEDGE");
    unacknowledged -= 1;
    judge();
});
scheduler.on("sent_kill", () => say("-> KILL"));
scheduler.on("update", ({ status }) => {
    say("<- update", status.task_id.value, status.state, status.reason || "", status.message || "");
    // Task ids are made up by the library: the framework's name, the task's name, a serial number or a uuid.
    const name = ["short-1", "short-2", "long-1"].find((known) => status.task_id.value.includes(known));
    if (!name) {
        fail("a task that is not ours");
    }
    (states[name] = states[name] || []).push(status.state);
    if (name === "long-1" && status.state === "TASK_RUNNING" && !killed) {
        killed = true;
        scheduler.kill(status.task_id.value, status.agent_id.value);
    }
    unacknowledged += 1;
});
scheduler.on("error", (error) => fail(error.message || JSON.stringify(error)));
