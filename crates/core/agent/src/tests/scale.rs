//! Costs that must not grow with what is there already.

use tepui_core_kit::Core as _;
use tepui_model::TaskState;
use tepui_wire_mesos::v1;

use super::{Rig, aware, executor_task, launch, run_task, updates};
use crate::{Agent, Effect};

/// Drains without the checks, which look at everything.
fn drain(agent: &mut Agent, now: tepui_model::Tick) -> Vec<Effect> {
    let mut effects = Vec::new();
    while let Some(effect) = agent.poll_effect() {
        if let Effect::Persist(persist) = &effect {
            agent.handle(now, crate::Event::Persisted(persist.token));
        }
        effects.push(effect);
    }
    effects
}

#[test]
fn five_thousand_tasks_on_one_executor() {
    const TASKS: usize = 5000;
    let mut rig = Rig::registered();
    let mut first = Vec::new();
    for n in 0..TASKS {
        let message = run_task(aware(), executor_task(&format!("t{n}"), "e"));
        rig.agent.handle(rig.now, crate::Event::Message { from: super::master(), message: message.into() });
        first.extend(drain(&mut rig.agent, rig.now));
    }
    assert_eq!(first.iter().filter(|effect| matches!(effect, Effect::Launch(_))).count(), 1);
    let container = launch(&first).container_id.clone();
    rig.launched(&container);
    let (_, effects) = rig.subscribe("e");
    assert_eq!(super::events(&effects).len(), TASKS + 1);
    let mut over = 0;
    for n in 0..TASKS {
        for (k, state) in [(1, TaskState::Running), (2, TaskState::Finished)] {
            let status = super::status(&format!("t{n}"), state, k);
            let update = Some(v1::executor::call::Update { status });
            let call = v1::executor::Call { update, ..super::call(v1::executor::call::Type::Update, "e") };
            rig.agent.handle(
                rig.now,
                crate::Event::Called {
                    from: tepui_model::ConnectionId(9),
                    caller: None,
                    call: Box::new(call),
                },
            );
            let mut open = updates(&drain(&mut rig.agent, rig.now));
            while let Some(update) = open.pop() {
                over += usize::from(update.status.state() == v1::TaskState::TaskFinished);
                let acknowledgement = tepui_wire_mesos::internal::StatusUpdateAcknowledgementMessage {
                    slave_id: v1::AgentId { value: super::AGENT.to_owned() },
                    framework_id: update.framework_id.clone(),
                    task_id: update.status.task_id.clone(),
                    uuid: update.uuid.clone().unwrap(),
                };
                rig.agent.handle(
                    rig.now,
                    crate::Event::Message { from: super::master(), message: acknowledgement.into() },
                );
                open.extend(updates(&drain(&mut rig.agent, rig.now)));
            }
        }
    }
    assert_eq!(over, TASKS);
    rig.agent.check_invariants().unwrap();
    let snapshot = rig.agent.snapshot(rig.now);
    assert_eq!(snapshot.frameworks[0].executors[0].completed_tasks.len(), 200);
}
