//! What the agent asks for.

use std::{io, sync::Arc, sync::atomic::AtomicBool};

use super::{Actor, Done};
use crate::{
    cgroup::Cgroup,
    containerizer::{
        Event, FailureKind, Request,
        containers::Place,
        prepare::{self, Surroundings},
    },
    io::{ContainerIo, KeptIo},
    launch::{Launch, Limits},
    supervisor::protocol,
};

/// A container that is to be prepared.
struct Admitted {
    launch: Launch,
    parents_cgroup: Option<Cgroup>,
    cancelled: Arc<AtomicBool>,
}

impl Actor {
    pub(super) fn handle_requests(&mut self, batch: &mut Vec<Request>) {
        let mut launches = Vec::new();
        for request in batch.drain(..) {
            match request {
                Request::Launch(launch) => launches.extend(self.admit(*launch)),
                Request::Signal { container_id, signal, group } => {
                    self.link.request(&protocol::Request::Signal { container_id, signal, group });
                }
                Request::Destroy { container_id } => self.destroy(container_id),
                Request::Forget { container_id } => {
                    self.ios.remove(&container_id);
                    self.link.request(&protocol::Request::Forget { container_id });
                }
                Request::Update { container_id, limits } => self.update(container_id, limits),
                Request::Adopt { container_id, sandbox } => {
                    if let Some(container) = self.containers.get_mut(&container_id) {
                        container.sandbox = Some(sandbox);
                    }
                }
                Request::Measure { answer } => self.measure(answer),
                Request::TakeIo { container_id, answer } => {
                    let _ = answer.send(self.take_io(&container_id));
                }
                Request::Resize { container_id, rows, columns, answer } => {
                    let _ = answer.send(self.resize(&container_id, rows, columns));
                }
                Request::Stop(stop) => self.stop = Some(stop),
            }
        }
        if !launches.is_empty() {
            self.prepare(launches);
        }
    }

    /// Notes a new container. Its preparation goes with others' unless it fetches, which may take long.
    fn admit(&mut self, launch: Launch) -> Option<Admitted> {
        match self.containers.admit(&launch) {
            Ok(Place { parents_cgroup, cancelled }) => {
                let admitted = Admitted { launch, parents_cgroup, cancelled };
                if admitted.launch.uris.is_empty() {
                    return Some(admitted);
                }
                self.prepare(vec![admitted]);
            }
            Err(message) => {
                let container_id = launch.container_id;
                self.waiting.push_back(Event::LaunchFailed {
                    container_id,
                    kind: FailureKind::Spawn,
                    message,
                });
            }
        }
        None
    }

    fn prepare(&mut self, launches: Vec<Admitted>) {
        let (held, containment) = (Arc::clone(&self.held), self.options.containment.clone());
        self.work.spawn_blocking(move || {
            let prepare = |Admitted { launch, parents_cgroup, cancelled }| {
                let container_id = launch.container_id.clone();
                let surroundings = Surroundings {
                    held: &held,
                    containment: &containment,
                    parents_cgroup: parents_cgroup.as_ref(),
                };
                (container_id, prepare::prepare(launch, &surroundings, &cancelled))
            };
            Done::Prepared(launches.into_iter().map(prepare).collect())
        });
    }

    pub(super) fn destroy(&mut self, container_id: String) {
        let Some(cgroup) = self.containers.destroy(&container_id) else { return };
        self.kill_group(container_id);
        // Those outside the group are in the cgroup.
        if cgroup.exists() {
            self.work.spawn_blocking(move || {
                cgroup.kill();
                Done::Nothing
            });
        }
    }

    fn update(&mut self, container_id: String, limits: Limits) {
        let Some(container) = self.containers.get_mut(&container_id) else { return };
        container.quota = limits.disk_bytes.or(container.quota);
        let limits = prepare::with_defaults(limits, &self.options.containment);
        let cgroup = container.cgroup.clone();
        self.work.spawn_blocking(move || {
            if let Err(error) = cgroup.change(&limits) {
                tracing::warn!(container = container_id, "cannot change the limits: {error}");
            }
            Done::Nothing
        });
    }

    fn take_io(&mut self, container_id: &str) -> Option<ContainerIo> {
        match self.ios.remove(container_id)?.open() {
            Ok((io, kept)) => {
                if let Some(kept) = kept {
                    self.ios.insert(container_id.to_owned(), kept);
                }
                Some(io)
            }
            Err(error) => {
                tracing::warn!(container = container_id, "cannot use its input and output: {error}");
                None
            }
        }
    }

    fn resize(&self, container_id: &str, rows: u16, columns: u16) -> io::Result<()> {
        match self.ios.get(container_id) {
            Some(KeptIo::Tty(master)) => crate::io::resize(master, rows, columns),
            Some(KeptIo::Pipes(_)) | None => Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("Container '{container_id}' has no terminal"),
            )),
        }
    }
}
