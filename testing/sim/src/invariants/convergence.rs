//! 10. After faults stop, everything converges: every task has ended, everybody knows, and nothing is held.
//!
//! That is asked of those who are simulated. Whom a recording left behind never comes back, so that nobody can end their
//! tasks: what the master has to do about them is told in [`super::left_behind`].

use tepui_core_agent::Phase;

use super::Outcome;
use crate::world::World;

/// The invariant.
pub const WORDS: &str = "10: after faults stop, everything converges";

/// Whether everything has come to rest in the right place.
pub(crate) fn check(world: &World) -> Outcome {
    for agent in world.nodes.agents() {
        for container in agent.containers.values().filter(|container| container.exit.is_none()) {
            if let Some(task) = &container.task {
                return Err((WORDS, format!("{task} still runs on {}", agent.node())));
            }
        }
    }
    let Some(master) = world.nodes.master() else { return Err((WORDS, "the master is down".to_owned())) };
    let snapshot = master.snapshot();
    for framework in snapshot.frameworks.values().filter(|it| !world.left_behind.frameworks.contains(&it.id))
    {
        if let Some(task) = framework.tasks.values().next() {
            return Err((WORDS, format!("the master still has {} as {:?}", task.id, task.state)));
        }
    }
    for agent in world.nodes.agents() {
        let Some(core) = agent.host.core() else { return Err((WORDS, format!("{} is down", agent.node()))) };
        let registered = core.agent_id().and_then(|id| snapshot.agents.get(id.as_str()));
        if !registered.is_some_and(|agent| agent.is_connected()) || core.phase() != Phase::Running {
            return Err((WORDS, format!("{} is not registered", agent.node())));
        }
        if registered.is_some_and(|agent| !snapshot.is_active(agent)) {
            return Err((WORDS, format!("{} is not in use again", agent.node())));
        }
    }
    Ok(())
}

/// Says what has not come to its end, when patience has.
pub(crate) fn unfinished(world: &World) -> (&'static str, String) {
    for agent in world.nodes.agents() {
        let deactivation = agent.disk.agent_id().and_then(|id| world.nodes.master()?.deactivation(id));
        if deactivation.and_then(|it| it.drain).is_some_and(|drain| !drain.drained) {
            return (WORDS, format!("the drain of {} does not end", agent.node()));
        }
    }
    for scheduler in world.nodes.schedulers().filter(|scheduler| !scheduler.is_gone()) {
        if scheduler.is_leaving() {
            return (WORDS, format!("scheduler-{} cannot leave", scheduler.number));
        }
        for (id, task) in &scheduler.tasks {
            if task.agent.is_none() {
                return (WORDS, format!("{id} was never launched"));
            }
            if task.is_live() {
                let ran = world.history.begun.contains_key(id);
                let state = task.state.map_or("nothing", |state| state.as_str_name());
                return (
                    WORDS,
                    format!(
                        "{id} has not ended for its scheduler, which last heard {state} of it (begun: {ran})"
                    ),
                );
            }
        }
    }
    let rest = super::durability::nothing_acknowledged_is_lost(world)
        .and_then(|()| super::removal::nothing_is_left(world))
        .and_then(|()| super::left_behind::check(world))
        .and_then(|()| check(world));
    match rest {
        Err(outcome) => outcome,
        Ok(()) => (WORDS, "an executor still has something to do".to_owned()),
    }
}
