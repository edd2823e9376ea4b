//! Many tasks at once: nothing is lost, and nothing is quadratic.

use tepui_wire_mesos::{Message, v1};

use super::cluster::{AWARE, Cluster, accept, register, task, update};
use crate::Counter;

#[test]
fn five_thousand_tasks_in_one_accept() {
    let mut cluster = Cluster::new();
    cluster.reread = false;
    let agent = super::cluster::pid(5051);
    let mut message = register();
    for resource in &mut message.slave.resources {
        if let Some(scalar) = &mut resource.scalar {
            scalar.value = 1e6;
        }
    }
    cluster.message(&agent, message);
    let stream = cluster.subscribe(AWARE);
    let tasks: Vec<String> = (0..5000).map(|number| task(&format!("t{number}"))).collect();
    cluster.call(stream, &accept("M-0000", "M-O0", &tasks));
    let launched =
        cluster.take_sent().iter().filter(|message| matches!(message, Message::RunTask(_))).count();
    assert_eq!(launched, 5000);
    for number in 0..100 {
        cluster.message(&agent, update(&format!("t{number}"), v1::TaskState::TaskFinished, Some(1)));
    }
    assert_eq!(cluster.master.counters().get(Counter::TasksFinished), 100);
}

/// How many tasks go through in a second: `cargo test --release -p tepui-core-master -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stderr, clippy::cast_precision_loss, reason = "a measurement")]
fn tasks_per_second() {
    use tepui_core_kit::Core as _;
    use tepui_model::{Caller, ConnectionId, Tick};
    use tepui_wire_mesos::json;

    use crate::Event;

    const TASKS: usize = 5000;
    let mut cluster = Cluster::new();
    cluster.reread = false;
    let agent = super::cluster::pid(5051);
    let mut message = register();
    for resource in &mut message.slave.resources {
        if let Some(scalar) = &mut resource.scalar {
            scalar.value = 1e6;
        }
    }
    cluster.message(&agent, message);
    let stream = cluster.subscribe(AWARE);
    let id = cluster.streams[&stream].id.clone();
    for round in 0..4 {
        let tasks: Vec<String> = (0..TASKS).map(|number| task(&format!("r{round}t{number}"))).collect();
        let offers: Vec<String> =
            cluster.offers().iter().map(|id| format!(r#"{{"value":"{id}"}}"#)).collect();
        let call = accept("M-0000", "OFFER", &tasks).replace(r#"{"value":"OFFER"}"#, &offers.join(","));
        let call = json::from_slice(call.as_bytes()).unwrap();
        let acknowledgements: Vec<_> = (0..TASKS)
            .map(|number| {
                let text = format!(
                    r#"{{"type":"ACKNOWLEDGE","framework_id":{{"value":"M-0000"}},"acknowledge":{{"agent_id":{{"value":"M-S0"}},"task_id":{{"value":"r{round}t{number}"}},"uuid":"QEBAQEBAQECAQEBAQEBAAQ=="}}}}"#
                );
                json::from_slice::<v1::scheduler::Call>(text.as_bytes()).unwrap()
            })
            .collect();
        let master = &mut cluster.master;
        let mut count = 0;
        let scheduler_call = |master: &mut crate::Master, call| {
            let (connection, principal) = (ConnectionId(1_000_000), None);
            let caller = Caller { connection, stream_id: id.clone(), principal };
            master.handle(Tick::ZERO, Event::SchedulerCall { caller, call: Box::new(call) });
        };
        let mut drain = |master: &mut crate::Master| {
            while master.poll_effect().is_some() {
                count += 1
            }
        };
        let started = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        scheduler_call(master, call);
        drain(master);
        let accepted = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        for (number, acknowledge) in acknowledgements.into_iter().enumerate() {
            let update = update(&format!("r{round}t{number}"), v1::TaskState::TaskFinished, Some(1));
            master.handle(Tick::ZERO, Event::Message { from: agent.clone(), message: update.into() });
            drain(master);
            scheduler_call(master, acknowledge);
            drain(master);
        }
        let ended = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        eprintln!(
            "{TASKS} tasks: ACCEPT {:?}, updates and acknowledgements {:?}, {count} effects, {:.0} tasks/s",
            accepted - started,
            ended - accepted,
            TASKS as f64 / (ended - started).as_secs_f64()
        );
    }
}
#[test]
fn what_is_kept_for_long_or_in_numbers_is_small() {
    assert!(size_of::<crate::Task>() <= 192);
    assert!(size_of::<crate::Effect>() <= 192);
}
