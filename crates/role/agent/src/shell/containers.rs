//! Operators' calls about containers, and the containers that somebody can be attached to.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use http::{HeaderName, HeaderValue, StatusCode};
use tepui_core_agent::{ContainerCall, LaunchFailure, LaunchFailureReason};
use tepui_model::{ConnectionId, Reply};
use tepui_shell::Gone;
use tepui_transport::{Response, negotiate, stream};
use tepui_wire_mesos::v1::agent;
use tokio::sync::oneshot;

use super::{Happened, Shell};
use crate::switchboard::{self, Input, Reader, Refused, Switchboard};

/// The header field that tells apart why a program could not be run in a container: one of the words below. It comes
/// with the answer to the call that wanted the container.
pub const LAUNCH_FAILURE: HeaderName = HeaderName::from_static("tepui-launch-failure");
/// It is not there.
pub const NO_PROGRAM: &str = "no-program";
/// What is there is no program, or not one that the user may execute.
pub const NOT_EXECUTABLE: &str = "not-executable";

/// A container that was started and may have somebody attached to it.
#[derive(Debug)]
struct Place {
    sandbox: PathBuf,
    /// Its own call reads what comes out of it.
    session: bool,
    /// Its input and output are not files.
    interactive: bool,
    switchboard: Option<Switchboard>,
}

/// What the shell keeps of all this.
#[derive(Debug, Default)]
pub(super) struct Containers {
    places: BTreeMap<String, Place>,
    /// Calls whose output is a container's own.
    sessions: BTreeSet<ConnectionId>,
    /// Where the way into a container goes, for the calls that want it. What they carry is poured in by those who bring it.
    attaching: BTreeMap<ConnectionId, oneshot::Sender<Input>>,
}

impl Containers {
    /// A container is about to be started.
    pub(super) fn launched(&mut self, flat: &str, launch: &tepui_core_agent::Launch) {
        let place = Place {
            sandbox: launch.sandbox.clone().into(),
            session: launch.class == tepui_core_agent::ContainerClass::Debug,
            interactive: launch.stdio != tepui_core_agent::Stdio::Files,
            switchboard: None,
        };
        self.places.insert(flat.to_owned(), place);
    }

    /// A container has ended: what it wrote last is still passed on.
    pub(super) fn ended(&mut self, flat: &str) {
        self.places.remove(flat);
    }

    /// A call has been answered, or nobody waits for that any more.
    pub(super) fn forget_call(&mut self, from: ConnectionId) {
        self.sessions.remove(&from);
        self.attaching.remove(&from);
    }
}

impl Shell {
    /// A call is about to be told to the core. `attach`: where the way into the container goes, if it is wanted.
    pub(super) fn called_for_container(
        &mut self,
        from: ConnectionId,
        call: &ContainerCall,
        attach: Option<oneshot::Sender<Input>>,
    ) {
        if matches!(call, ContainerCall::Launch(launch) if launch.session) {
            self.containers.sessions.insert(from);
        }
        if let Some(attach) = attach {
            self.containers.attaching.insert(from, attach);
        }
    }

    /// Answers a call.
    pub(super) fn answer(&mut self, to: ConnectionId, response: impl Into<Response>) {
        self.containers.forget_call(to);
        self.callers.answer(to, response);
    }

    pub(super) fn answer_message(&mut self, to: ConnectionId, message: &agent::Response) {
        self.containers.forget_call(to);
        if let Some(caller) = self.callers.take(to) {
            let content = caller.content();
            caller.answer(Response::message(negotiate::content_type_value(content), content.encode(message)));
        }
    }

    /// In Mesos's words; what a program wants to know of it is in a header field of our own.
    pub(super) fn refuse_launch(&mut self, to: ConnectionId, failure: LaunchFailure) {
        let LaunchFailure { reason, message } = failure;
        let kind = match reason {
            LaunchFailureReason::NoProgram => Some(NO_PROGRAM),
            LaunchFailureReason::NotExecutable => Some(NOT_EXECUTABLE),
            LaunchFailureReason::Sandbox | LaunchFailureReason::Fetch | LaunchFailureReason::Other => None,
        };
        let response = Response::from(Reply::error(400, message));
        let response = match kind {
            Some(kind) => response.header(LAUNCH_FAILURE, HeaderValue::from_static(kind)),
            None => response,
        };
        self.answer(to, response);
    }

    /// Gives whoever asked the way into a container.
    pub(super) fn attach_input(&mut self, to: ConnectionId, flat: &str) {
        let Some(attach) = self.containers.attaching.remove(&to) else { return };
        let switchboard = self.containers.places.get(flat).and_then(|place| place.switchboard.as_ref());
        let response = match switchboard.map_or(Err(Refused::Disabled), Switchboard::input) {
            Ok(input) => {
                // Whoever asked may have gone.
                let _ = attach.send(input);
                Response::new(StatusCode::OK)
            }
            Err(refused) => {
                let status = match refused {
                    Refused::Disabled => StatusCode::INTERNAL_SERVER_ERROR,
                    Refused::Taken => StatusCode::CONFLICT,
                };
                Response::text(status, refused.to_string())
            }
        };
        self.answer(to, response);
    }

    /// Whether the ends of a container's input and output are ours.
    pub(super) fn is_interactive(&self, flat: &str) -> bool {
        self.containers.places.get(flat).is_some_and(|place| place.interactive)
    }

    /// Takes them.
    pub(super) async fn open_switchboard(&mut self, flat: &str) {
        let Some(place) = self.containers.places.get_mut(flat) else { return };
        match self.containerizer.take_io(flat).await {
            Ok(Some(io)) => {
                let log = (!place.session).then(|| place.sandbox.clone());
                place.switchboard = Some(Switchboard::start(io, place.session, log));
            }
            Ok(None) => tracing::warn!(container = flat, "nobody can be attached to the container"),
            Err(_) => {}
        }
    }

    /// A container of the last agent; its terminal may be handed over again.
    pub(super) async fn adopt_container(&mut self, flat: &str, sandbox: PathBuf) {
        if let Ok(io) = self.containerizer.take_io(flat).await {
            let switchboard = io.map(|io| Switchboard::start(io, false, Some(sandbox.clone())));
            let interactive = switchboard.is_some();
            let place = Place { sandbox, session: false, interactive, switchboard };
            self.containers.places.insert(flat.to_owned(), place);
        }
    }

    /// Answers with what comes out of a container.
    pub(super) fn attach_output(&mut self, to: ConnectionId, flat: &str) {
        let own = self.containers.sessions.remove(&to);
        let Some(caller) = self.callers.take(to) else {
            // That it has gone was told before the core knew it as a stream.
            return self.pending.push_back(Happened::Input(Gone(to).into()));
        };
        let Some(place) = self.containers.places.get_mut(flat) else {
            let words = format!("Container {flat} cannot be found");
            return caller.answer(Response::text(StatusCode::NOT_FOUND, words));
        };
        let accept = caller.content();
        let (sender, body) = stream(format!("output of {flat}"), switchboard::LIMIT);
        let watch = sender.watch();
        let sandbox = &place.sandbox;
        let switchboard = place.switchboard.get_or_insert_with(|| Switchboard::follow(sandbox));
        if !switchboard.attach(Reader { sender, accept, own }) {
            let words = "Too many are attached to the container";
            return caller.answer(Response::text(StatusCode::SERVICE_UNAVAILABLE, words));
        }
        caller.answer(switchboard::response(accept, body));
        self.callers.watch(to, watch);
    }
}
