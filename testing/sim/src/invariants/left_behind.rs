//! 10, for those whom a recording left behind: they come to their end as Mesos says, and the master holds nothing of them.
//!
//! An agent that does not come back within its time is not there any more, and with it go its tasks. A framework goes when
//! its failover timeout is over; one that may take longer than an agent is still waited for when all else is at rest.

use super::Outcome;
use crate::world::World;

const WORDS: &str = "10: whoever never comes back comes to an end";

/// Whether the master has let go of those who cannot come back.
pub(crate) fn check(world: &World) -> Outcome {
    let Some(master) = world.nodes.master() else { return Err((WORDS, "the master is down".to_owned())) };
    let snapshot = master.snapshot();
    for id in &world.left_behind.agents {
        if snapshot.agents.contains_key(id) || snapshot.recovered_agents.contains_key(id) {
            return Err((WORDS, format!("the master still waits for agent {id} of the recording")));
        }
    }
    let frameworks = &world.left_behind.frameworks;
    for framework in frameworks.iter().filter_map(|id| snapshot.frameworks.get(id)) {
        if framework.is_connected() {
            return Err((
                WORDS,
                format!("the scheduler of framework {} is in the recording only", framework.id),
            ));
        }
        if framework.failover_timeout() <= world.left_behind.patience {
            return Err((
                WORDS,
                format!("the master still waits for framework {} of the recording", framework.id),
            ));
        }
        if let Some(task) = framework.tasks.values().next() {
            return Err((
                WORDS,
                format!("the master still has {} of the recording as {:?}", task.id, task.state),
            ));
        }
    }
    Ok(())
}
