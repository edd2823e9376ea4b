//! A master that was recorded, as the beginning of a world. Must not live here: how a recording is read (`io/recorder`).
//!
//! What is left of the recorded process is its core and its disk. All its connections are cut at the beginning, and those at
//! their other ends never come back.

#[cfg(test)]
mod tests;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use tepui_core_kit::{Core, Persist, Write};
use tepui_core_master::{Effect, Master};
use tepui_model::{AgentId, FrameworkId, Tick};
use tepui_recorder::{ReplayError, Run, replay_with, runs};

use crate::master::MasterNode;

/// Connections of the world have numbers above this. A process counts its own from 1 and never comes that far.
pub(crate) const CONNECTIONS: u64 = 1 << 62;

/// A recorded master at some moment.
#[derive(Clone, Debug)]
pub struct Past {
    directory: PathBuf,
    until: Option<f64>,
    now: Tick,
    /// The core, encoded, as each world needs one of its own.
    core: Vec<u8>,
    disk: BTreeMap<String, Bytes>,
    writing: VecDeque<Persist<Write>>,
}

/// Why a world cannot begin with a recording.
#[derive(Debug, thiserror::Error)]
pub enum NoPast {
    /// It cannot be had again.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// Only others were recorded, or later.
    #[error("{directory} holds no recording of a master that had begun by then")]
    NoMaster {
        /// The directory.
        directory: PathBuf,
    },
    /// There is no such moment.
    #[error("--until={0}: expecting a number of seconds after the beginning")]
    Moment(f64),
    /// The write's content is in a segment that made room.
    #[error(
        "in {directory} a write was under way that was begun before the oldest record; choose a later moment"
    )]
    WriteIsGone {
        /// The directory.
        directory: PathBuf,
    },
    /// The core cannot be copied.
    #[error("the recorded master cannot be written down: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
    /// The core cannot be copied.
    #[error("the recorded master cannot be read back: {0}")]
    Decode(#[from] rmp_serde::decode::Error),
}

/// Whom the master of a recording knew. They are at the other side of a cut that never heals.
#[derive(Debug, Default)]
pub(crate) struct LeftBehind {
    pub(crate) frameworks: BTreeSet<FrameworkId>,
    pub(crate) agents: BTreeSet<AgentId>,
    /// How long the master waits for them, and how much longer than usual all may take for it.
    pub(crate) patience: Duration,
}

impl Past {
    /// The last master that a recording has, as it was at its end or `until` so many seconds after its beginning.
    ///
    /// # Errors
    /// See [`NoPast`].
    pub fn read(directory: &Path, until: Option<f64>) -> Result<Self, NoPast> {
        let runs = runs(directory)?;
        let began = runs.first().map_or(Tick::ZERO, |run| run.began);
        let moment = until
            .map(|seconds| Duration::try_from_secs_f64(seconds).map_err(|_| NoPast::Moment(seconds)))
            .transpose()?
            .map(|after| began + after);
        let is_master =
            |run: &&Run| run.core == Master::NAME && moment.is_none_or(|moment| run.began <= moment);
        let no_master = || NoPast::NoMaster { directory: directory.to_path_buf() };
        let run = runs.iter().rfind(is_master).ok_or_else(no_master)?;

        let writing = RefCell::new(VecDeque::new());
        let replayed = replay_with::<Master>(
            run,
            moment,
            |master, _| forget_written(&mut writing.borrow_mut(), master),
            |effect| {
                if let Effect::Persist(persist) = effect {
                    writing.borrow_mut().push_back(persist);
                }
            },
        )?;
        let master = replayed.core.ok_or_else(no_master)?;
        let mut writing = writing.into_inner();
        forget_written(&mut writing, &master);
        if master.awaited_writes().next() != writing.front().map(|persist: &Persist<Write>| persist.token) {
            return Err(NoPast::WriteIsGone { directory: directory.to_path_buf() });
        }
        let core = rmp_serde::to_vec_named(&master)?;
        rmp_serde::from_slice::<Master>(&core)?;
        let disk = master.registry();
        Ok(Self { directory: directory.to_path_buf(), until, now: replayed.now, core, disk, writing })
    }

    /// When it was.
    pub const fn now(&self) -> Tick {
        self.now
    }

    /// What has to be said to begin with it.
    pub fn arguments(&self) -> String {
        let until = self.until.map(|until| format!(" --until {until}")).unwrap_or_default();
        format!(" --recording {}{until}", self.directory.display())
    }

    /// A machine on which the recorded process runs. Says whom it knew.
    pub(crate) fn lives_on_in(&self, node: &mut MasterNode) -> LeftBehind {
        // It was read once when this was made.
        let Ok(master) = rmp_serde::from_slice::<Master>(&self.core) else { return LeftBehind::default() };
        let snapshot = master.snapshot();
        node.config = Some(master.config().clone());
        node.disk = self.disk.clone();
        node.writing = self.writing.clone();
        node.host.resume(master);
        LeftBehind {
            frameworks: snapshot.frameworks.keys().cloned().collect(),
            agents: snapshot.agents.keys().chain(snapshot.recovered_agents.keys()).cloned().collect(),
            patience: snapshot.config.agent_reregister_timeout,
        }
    }
}

/// Forgets the writes before the first that something waits for: they are in the master's books. What was asked for after
/// it is kept, as it may be about the same keys.
fn forget_written(writing: &mut VecDeque<Persist<Write>>, master: &Master) {
    let awaited = master.awaited_writes().next();
    while writing.front().is_some_and(|persist| Some(persist.token) != awaited) {
        writing.pop_front();
    }
}
