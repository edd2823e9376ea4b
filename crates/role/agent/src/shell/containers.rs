//! Operators' calls about containers, and the containers that somebody can be attached to.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use http::{HeaderName, HeaderValue, StatusCode};
use tepui_core_agent::{ContainerCall, Event, LaunchFailure, LaunchFailureReason};
use tepui_core_kit::Core as _;
use tepui_model::{ConnectionId, Reply, Tick};
use tepui_transport::{Response, negotiate, stream};
use tepui_wire_mesos::{ContentType, v1::agent};
use tokio::sync::oneshot;

use super::{Shell, effects::tell_closed};
use crate::switchboard::{self, Input, Reader, Refused, Switchboard};

/// The header field that tells apart why a program could not be run in a container: one of the words below. It comes
/// with the answer to the call that wanted the container.
pub const LAUNCH_FAILURE: HeaderName = HeaderName::from_static("tepui-launch-failure");
/// It is not there.
pub const NO_PROGRAM: &str = "no-program";
/// What is there is no program, or not one that the user may execute.
pub const NOT_EXECUTABLE: &str = "not-executable";

/// A call and where its answer goes.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) call: ContainerCall,
    /// How the answer is to be written, or the records of its stream.
    pub(crate) accept: ContentType,
    pub(crate) answer: oneshot::Sender<Answered>,
}

/// What a call has come to.
#[derive(Debug)]
pub(crate) enum Answered {
    /// This is to be answered.
    Response(Response),
    /// What the call carries goes here; it is answered when that has ended.
    Input(Input),
}

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
pub(crate) struct Containers {
    asks: BTreeMap<ConnectionId, (oneshot::Sender<Answered>, ContentType)>,
    places: BTreeMap<String, Place>,
    /// Calls whose output is a container's own.
    sessions: BTreeSet<ConnectionId>,
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

    pub(super) fn reply(&mut self, to: ConnectionId, reply: Reply) {
        self.respond(to, |_| reply.into());
    }

    /// In Mesos's words; what a program wants to know of it is in a header field of our own.
    pub(super) fn refuse_launch(&mut self, to: ConnectionId, failure: LaunchFailure) {
        let LaunchFailure { reason, message } = failure;
        let kind = match reason {
            LaunchFailureReason::NoProgram => Some(NO_PROGRAM),
            LaunchFailureReason::NotExecutable => Some(NOT_EXECUTABLE),
            LaunchFailureReason::Sandbox | LaunchFailureReason::Fetch | LaunchFailureReason::Other => None,
        };
        self.respond(to, |_| {
            let response = Response::from(Reply::error(400, message));
            match kind {
                Some(kind) => response.header(LAUNCH_FAILURE, HeaderValue::from_static(kind)),
                None => response,
            }
        });
    }

    pub(super) fn answer(&mut self, to: ConnectionId, response: &agent::Response) {
        self.respond(to, |accept| {
            Response::message(negotiate::content_type_value(accept), accept.encode(response))
        });
    }

    fn respond(&mut self, to: ConnectionId, response: impl FnOnce(ContentType) -> Response) {
        self.sessions.remove(&to);
        if let Some((answer, accept)) = self.asks.remove(&to) {
            // A client that did not wait for its answer is no concern of ours.
            let _ = answer.send(Answered::Response(response(accept)));
        }
    }

    pub(super) fn attach_input(&mut self, to: ConnectionId, flat: &str) {
        let switchboard = self.places.get(flat).and_then(|place| place.switchboard.as_ref());
        let input = switchboard.map_or(Err(Refused::Disabled), Switchboard::input);
        let Some((answer, _)) = self.asks.remove(&to) else { return };
        let _ = answer.send(match input {
            Ok(input) => Answered::Input(input),
            Err(refused) => {
                let status = match refused {
                    Refused::Disabled => StatusCode::INTERNAL_SERVER_ERROR,
                    Refused::Taken => StatusCode::CONFLICT,
                };
                Answered::Response(Response::text(status, refused.to_string()))
            }
        });
    }
}

impl Shell {
    pub(super) fn ask_about_container(&mut self, now: Tick, ask: Ask) {
        let Ask { call, accept, answer } = ask;
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        if matches!(&call, ContainerCall::Launch(launch) if launch.session) {
            self.containers.sessions.insert(connection);
        }
        self.containers.asks.insert(connection, (answer, accept));
        self.core.handle(now, Event::ContainerCalled { from: connection, call });
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
        let Some((answer, accept)) = self.containers.asks.remove(&to) else { return };
        let own = self.containers.sessions.remove(&to);
        let Some(place) = self.containers.places.get_mut(flat) else {
            let gone = Response::text(StatusCode::NOT_FOUND, format!("Container {flat} cannot be found"));
            let _ = answer.send(Answered::Response(gone));
            return;
        };
        let (sender, body) = stream(format!("output of {flat}"), switchboard::LIMIT);
        let watch = sender.watch();
        let sandbox = &place.sandbox;
        let switchboard = place.switchboard.get_or_insert_with(|| Switchboard::follow(sandbox));
        if !switchboard.attach(Reader { sender, accept, own }) {
            let busy =
                Response::text(StatusCode::SERVICE_UNAVAILABLE, "Too many are attached to the container");
            let _ = answer.send(Answered::Response(busy));
            return;
        }
        let _ = answer.send(Answered::Response(switchboard::response(accept, body)));
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            watch.closed().await;
            tell_closed(&inputs, to).await;
        });
    }
}
