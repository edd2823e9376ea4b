//! What is in one book is in all of them, and goes from all of them.

use std::{collections::BTreeSet, sync::Arc};

use tepui_model::{
    AgentId, ConnectionId, ExecutorId, FrameworkId, OfferId, Resources, Role, TaskId, TaskState, Tick,
};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{internal, v1};
use uuid::Uuid;

use super::{Books, Offer, Returned};
use crate::{Agent, AgentState, Framework, FrameworkState, Task, agent::RecoveredAgent, task::Executor};

const NOW: Tick = Tick::from_nanos(7);

fn pid(port: u16) -> Upid {
    Upid::new("slave(1)", ([127, 0, 0, 1], port).into())
}

fn agent(id: &str, port: u16) -> Agent {
    Agent {
        id: AgentId::new(id),
        pid: pid(port),
        info: Arc::new(internal::SlaveInfo::default()),
        state: AgentState::Connected,
        version: "1.11.0".to_owned(),
        capabilities: Vec::new(),
        registered: Tick::ZERO,
        reregistered: None,
        total: Arc::new(Resources::new()),
        resource_version: None,
        observer: "slave-observer(1)".into(),
        unanswered_pings: 0,
    }
}

fn framework(id: &str) -> Framework {
    Framework::new(FrameworkId::new(id), v1::FrameworkInfo::default(), FrameworkState::Recovered, Tick::ZERO)
}

fn task(id: &str, agent: &str) -> Task {
    let info = v1::TaskInfo {
        name: id.to_owned(),
        task_id: v1::TaskId { value: id.to_owned() },
        agent_id: v1::AgentId { value: agent.to_owned() },
        ..v1::TaskInfo::default()
    };
    Task::launched(FrameworkId::new("f"), AgentId::new(agent), &info, None, Arc::new(Resources::new()))
}

/// One agent, one connected framework.
fn books() -> Books {
    let mut books = Books::default();
    books.add_agent(agent("a", 1));
    books.add_framework(framework("f"));
    books.connect_framework(&FrameworkId::new("f"), ConnectionId(1), Uuid::nil(), None);
    books.check().unwrap();
    books
}

#[test]
fn a_task_is_known_to_its_framework_and_to_its_agent() {
    let (mut books, f, a, t) = (books(), FrameworkId::new("f"), AgentId::new("a"), TaskId::new("t"));
    books.remember_unreachable(&f, Arc::new(task("t", "lost")), 1);
    books.add_task(task("t", "a"));
    books.check().unwrap();
    assert!(books.frameworks()["f"].unreachable_tasks.is_empty(), "it is one task, and lives");
    assert_eq!(books.tasks_of(&a), [(f.clone(), t.clone())]);
    assert_eq!(books.agents_with(&f), BTreeSet::from([a.clone()]));
    assert!(books.has_tasks(&a) && books.task(&f, "t").is_some());

    let gone = books.remove_task(&f, &t).unwrap();
    books.check().unwrap();
    assert!(!books.has_tasks(&a) && books.task(&f, "t").is_none());
    assert!(books.remove_task(&f, &t).is_none());
    books.remember_completed(&f, gone, 1);
    assert_eq!(books.frameworks()["f"].completed_tasks.len(), 1);
}

#[test]
fn an_update_of_another_agent_changes_nothing() {
    let (mut books, f) = (books(), FrameworkId::new("f"));
    books.add_task(task("t", "a"));
    let status = v1::TaskStatus {
        task_id: v1::TaskId { value: "t".to_owned() },
        state: TaskState::Finished.number(),
        ..v1::TaskStatus::default()
    };
    assert!(books.take_update(&f, &AgentId::new("b"), &status, None, None).is_none());
    assert_eq!(books.task(&f, "t").unwrap().state, TaskState::Staging);
    let (task, change) = books.take_update(&f, &AgentId::new("a"), &status, None, None).unwrap();
    assert_eq!((task.state, change.ended, change.repeated), (TaskState::Finished, true, false));
    assert!(!books.settle_task(&f, &TaskId::new("t"), &status).unwrap().1, "it had ended");
}

#[test]
fn executors_and_offers_are_known_to_both_sides() {
    let (mut books, f, a) = (books(), FrameworkId::new("f"), AgentId::new("a"));
    let info = v1::ExecutorInfo {
        executor_id: v1::ExecutorId { value: "e".to_owned() },
        ..v1::ExecutorInfo::default()
    };
    let executor = Executor { info: Arc::new(info), resources: Arc::new(Resources::new()), shutdown: false };
    books.add_executor(&f, &a, executor);
    books.check().unwrap();
    let e = ExecutorId::new("e");
    assert!(books.executors_of(&a).eq([&(f.clone(), e.clone())]));
    books.wish_shutdown(&f, &(a.clone(), e.clone()));
    assert!(books.remove_executor(&f, &a, &e).unwrap().shutdown);
    assert!(books.remove_executor(&f, &a, &e).is_none() && books.executors_of(&a).next().is_none());

    books.add_offer(Offer {
        id: OfferId::new("o"),
        framework_id: f.clone(),
        agent_id: a.clone(),
        role: Role::new("*"),
        resources: Resources::new(),
        wire: Arc::new(v1::Offer::default()),
    });
    books.check().unwrap();
    assert_eq!(
        (books.offers_for(&f), books.offers_on(&a)),
        (vec![OfferId::new("o")], vec![OfferId::new("o")])
    );
    assert!(books.remove_offer("o").is_some() && books.remove_offer("o").is_none());
    books.check().unwrap();
    assert!(books.offers_for(&f).is_empty() && books.offers_on(&a).is_empty());
}

#[test]
fn an_agent_is_at_one_address_and_in_one_book() {
    let (mut books, a) = (books(), AgentId::new("a"));
    let returned = || Returned {
        info: internal::SlaveInfo::default(),
        total: Resources::new(),
        version: "1.12.0".to_owned(),
        capabilities: Vec::new(),
        resource_version: None,
    };
    books.count_ping(&a);
    books.disconnect_agent(&a);
    assert_eq!(books.agent_returned(&a, &pid(2), NOW, returned()), Some(pid(1)), "nobody is there any more");
    books.check().unwrap();
    assert!(books.agent_at(&pid(1)).is_none());
    let there = books.agent_at(&pid(2)).unwrap();
    assert!(there.is_connected() && there.unanswered_pings == 0 && there.reregistered == Some(NOW));
    assert_eq!(books.agent_returned(&a, &pid(2), NOW, returned()), None, "it is still there");
    let (_, was_there) = books.remove_agent(&a).unwrap();
    assert!(was_there && books.agent_at(&pid(2)).is_none() && !books.knows_agent(&a));

    books.add_recovered_agent(a.clone(), RecoveredAgent { info: Arc::default(), pid: None });
    books.mark_unreachable(a.clone(), NOW);
    assert!(books.knows_agent(&a));
    books.add_agent(agent("a", 1));
    assert!(books.unreachable().is_empty() && books.recovered_agents().is_empty());
    books.remove_agent(&a);
    books.mark_unreachable(a.clone(), NOW);
    books.mark_gone(a.clone(), NOW);
    assert!(books.unreachable().is_empty() && books.gone().contains_key(&a));
    books.check().unwrap();
}

#[test]
fn of_frameworks_that_ended_the_newest_are_kept() {
    let mut books = books();
    books.add_framework(framework("g"));
    let (ended, forgotten) = books.end_framework(&FrameworkId::new("f"), NOW, 1).unwrap();
    assert_eq!((ended.state, ended.unregistered, forgotten.len()), (FrameworkState::Completed, Some(NOW), 0));
    let (_, forgotten) = books.end_framework(&FrameworkId::new("g"), NOW, 1).unwrap();
    assert_eq!(forgotten, [FrameworkId::new("f")]);
    assert_eq!(books.completed_frameworks().len(), 1);
    assert!(books.end_framework(&FrameworkId::new("g"), NOW, 1).is_none());
}
