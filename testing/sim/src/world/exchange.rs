//! HTTP between clients (schedulers, executors) and servers (master, agents): requests, streams, breaks.

use tepui_core_driver::{CallToken, Subscription};
use tepui_model::{ConnectionId, Fate, Loss, Reply};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{Message, v1, weigh};

use super::{
    AnyMachine, Event, Input, World,
    words::{
        describe, describe_call, describe_event, describe_executor_call, describe_executor_event,
        kind_of_call, kind_of_event, kind_of_message,
    },
};
use crate::{
    network::{Lane, Node, latency},
    trace::trace,
};

/// So many events may wait for a reader that does not read; then its stream is cut.
const MOST_UNREAD: u32 = 12;

/// A request and what became of it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Node,
    pub(crate) client_incarnation: u64,
    pub(crate) server: Node,
    pub(crate) purpose: Purpose,
    /// Nothing passes any more in either direction.
    pub(crate) broken: bool,
    /// Events that wait for a client that does not read.
    pub(crate) unread: u32,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Subscribe(Subscription),
    Call(CallToken),
}

/// What travels to a server.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it travels in a box")]
pub(crate) enum Request {
    Scheduler {
        stream_id: Option<String>,
        call: v1::scheduler::Call,
    },
    Executor(v1::executor::Call),
    /// The client has gone.
    Closed,
}

/// What travels to a client.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it travels in a box")]
pub(crate) enum Answer {
    Opened(Option<String>),
    SchedulerEvent(v1::scheduler::Event),
    ExecutorEvent(v1::executor::Event),
    Reply(Reply),
    Ended,
    Broken,
}

impl World {
    /// Sends a request on a connection of its own.
    pub(crate) fn request(
        &mut self,
        client: Node,
        server: Node,
        purpose: Purpose,
        request: Request,
    ) -> ConnectionId {
        let lane = match purpose {
            Purpose::Subscribe(_) => None,
            Purpose::Call(_) => Some(Lane::Calls(client.clone(), server.clone())),
        };
        let connection = self.new_connection(Connection {
            client: client.clone(),
            client_incarnation: self.nodes.incarnation(&client),
            server: server.clone(),
            purpose,
            broken: false,
            unread: 0,
        });
        if self.network.is_cut(self.now, &client, &server) {
            // Nobody answers; the client's patience ends some time.
            let wait = latency(&mut self.rng) * 100;
            self.after(wait, Event::ToClient(connection, Box::new(Answer::Broken)));
            return connection;
        }
        let lane = lane.unwrap_or(Lane::Stream(connection));
        let due = self.arrival(&client, &server, lane);
        self.at(due, Event::ToServer(connection, Box::new(request)));
        connection
    }

    /// Sends something to the client of a connection, in order.
    pub(crate) fn answer(&mut self, connection: ConnectionId, answer: Answer) {
        let Some(open) = self.connections.get_mut(&connection) else { return };
        let (client, server) = (open.client.clone(), open.server.clone());
        if self.network.is_stalled(self.now, &client) {
            open.unread += 1;
            if open.unread > MOST_UNREAD && !open.broken {
                trace!(self, Life: "{server} cuts the stream of {client}, which does not read");
                return self.break_connection(connection);
            }
        } else {
            open.unread = 0;
        }
        let due = self.arrival(&server, &client, Lane::Stream(connection));
        self.at(due, Event::ToClient(connection, Box::new(answer)));
    }

    /// The client drops a stream.
    pub(crate) fn client_closes(&mut self, connection: ConnectionId) {
        let Some(open) = self.connections.get_mut(&connection) else { return };
        open.broken = true;
        self.soon(Event::ToServer(connection, Box::new(Request::Closed)));
    }

    pub(crate) fn request_arrives(&mut self, id: ConnectionId, request: Request) -> Option<Node> {
        let connection = self.connections.get(&id)?;
        let (server, now) = (connection.server.clone(), self.now);
        if matches!(request, Request::Closed) {
            self.connections.remove(&id);
            return self.tell(&server, Input::Request(id, request));
        }
        if connection.broken {
            return None;
        }
        if !self.nodes.is_up(&server) {
            self.soon(Event::ToClient(id, Box::new(Answer::Broken)));
            return None;
        }
        match &request {
            Request::Scheduler { call, .. } if self.trace.is_on() => {
                let (client, words) = (connection.client.clone(), describe_call(call));
                self.trace.line(now, kind_of_call(call), format_args!("{client} -> {server} {words}"));
            }
            Request::Executor(call) => {
                trace!(self, "{} -> {server} {}", connection.client, describe_executor_call(call));
            }
            Request::Scheduler { .. } | Request::Closed => {}
        }
        self.tell(&server, Input::Request(id, request))
    }

    pub(crate) fn answer_arrives(&mut self, id: ConnectionId, answer: Answer) -> Option<Node> {
        let connection = self.connections.get(&id)?;
        if connection.broken && !matches!(answer, Answer::Broken) {
            return None;
        }
        let (client, purpose) = (connection.client.clone(), connection.purpose);
        let over = matches!(answer, Answer::Reply(_) | Answer::Ended | Answer::Broken);
        let current =
            connection.client_incarnation == self.nodes.incarnation(&client) && self.nodes.is_up(&client);
        if over {
            self.connections.remove(&id);
        }
        if !current {
            return None;
        }
        self.observe_answer(&client, &answer);
        self.tell(&client, Input::Answer(purpose, answer))
    }

    fn observe_answer(&mut self, client: &Node, answer: &Answer) {
        match (client, answer) {
            (Node::Scheduler(number), Answer::SchedulerEvent(event)) => {
                if self.trace.is_on() {
                    let (leader, words) = (self.nodes.leader(), describe_event(event));
                    let line = format_args!("{leader} -> {client} {words}");
                    self.trace.line(self.now, kind_of_event(event), line);
                }
                if let Some(scheduler) = self.nodes.scheduler_mut(*number).filter(|_| event.error.is_none()) {
                    scheduler.heard = self.now;
                }
            }
            (Node::Executor(container), Answer::ExecutorEvent(event)) => {
                let agent = self.nodes.executor(container).map_or(0, |executor| executor.agent);
                trace!(self, "agent-{agent} -> {client} {}", describe_executor_event(event));
                if let Some(acknowledged) = &event.acknowledged {
                    self.observe_acknowledged(agent, &acknowledged.task_id.value, &acknowledged.uuid);
                }
            }
            _ => {}
        }
    }

    /// An agent has told an executor that an update of its is safe.
    fn observe_acknowledged(&mut self, agent: usize, task: &str, uuid: &[u8]) {
        if !self.history.given_up.contains(&agent) {
            self.history.acknowledged.insert(uuid.to_vec(), (task.to_owned(), agent));
        }
        self.check_acknowledged_is_durable(agent, task, uuid);
    }

    /// Breaks everything between two nodes; whoever watches will notice.
    pub(crate) fn break_between(&mut self, a: &Node, b: &Node) {
        for (holder, peer) in self.network.break_between(a, b) {
            self.tell_exited(&holder, &peer);
        }
        let between: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, connection)| {
                !connection.broken
                    && ((connection.client == *a && connection.server == *b)
                        || (connection.client == *b && connection.server == *a))
            })
            .map(|(id, _)| *id)
            .collect();
        for id in between {
            self.break_connection(id);
        }
    }

    /// Breaks everything that a node has open, because its process is gone.
    pub(crate) fn break_all_of(&mut self, node: &Node) {
        for peer in self.names().into_iter().filter(|peer| peer != node) {
            self.break_between(node, &peer);
        }
    }

    fn break_connection(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.broken = true;
        }
        // Each side notices in its own time; the client's notice removes the connection, so the server's
        // notice is given a connection of the same id only if it comes first.
        let (first, second) = (latency(&mut self.rng), latency(&mut self.rng));
        self.after(first.min(second), Event::ToServer(id, Box::new(Request::Closed)));
        if let Some(connection) = self.connections.get(&id) {
            let copy = Connection {
                client: connection.client.clone(),
                client_incarnation: connection.client_incarnation,
                server: connection.server.clone(),
                purpose: connection.purpose,
                broken: true,
                unread: 0,
            };
            let notice = self.new_connection(copy);
            self.after(first.max(second), Event::ToClient(notice, Box::new(Answer::Broken)));
        }
    }

    pub(crate) fn tell_exited(&mut self, holder: &Node, peer: &Node) {
        let Some(peer) = self.nodes.any(peer).and_then(AnyMachine::upid) else { return };
        let incarnation = self.nodes.incarnation(holder);
        self.soon(Event::Exited { at: holder.clone(), incarnation, peer });
    }

    pub(crate) fn exited(&mut self, at: &Node, incarnation: u64, peer: Upid) -> Option<Node> {
        if incarnation != self.nodes.incarnation(at) {
            return None;
        }
        let name = self.nodes.at(&peer).map_or_else(|| peer.to_string(), ToString::to_string);
        trace!(self, Life: "{at} notices that its connection to {name} is broken");
        self.tell(at, Input::Exited(peer))
    }

    /// Sends a libprocess message; it is lost if nobody is there or the connection breaks on the way.
    pub(crate) fn send(&mut self, from: &Node, sender: Upid, to: &Upid, message: Message) {
        let Some(to) = self.nodes.at(to).cloned() else { return };
        let generation = self.network.generation(from, &to);
        let due = self.arrival(from, &to, Lane::Link(from.clone(), to.clone()));
        self.at(due, Event::Message { from: from.clone(), to, generation, sender, message });
    }

    pub(crate) fn message_arrives(
        &mut self,
        from: &Node,
        to: Node,
        generation: u64,
        sender: Upid,
        message: Message,
    ) -> Option<Node> {
        if generation != self.network.generation(from, &to) || !self.nodes.is_up(&to) {
            trace!(self, "{from} -> {to} {}: lost on the way", describe(&message));
            return None;
        }
        if self.trace.is_on() {
            let words = describe(&message);
            self.trace.line(self.now, kind_of_message(&message), format_args!("{from} -> {to} {words}"));
        }
        self.observe_message(&to, &message);
        if let Message::StatusUpdateAcknowledgement(message) = &message
            && let Node::Executor(container) = &to
        {
            let agent = self.nodes.executor(container).map_or(0, |executor| executor.agent);
            self.observe_acknowledged(agent, &message.task_id.value, &message.uuid);
        }
        self.tell(&to, Input::Message { from: sender, message })
    }
}

/// One in so many.
pub(crate) trait Chance {
    fn chance(&mut self, one_in: u32) -> bool;
}

impl<R: rand_chacha::rand_core::Rng> Chance for R {
    fn chance(&mut self, one_in: u32) -> bool {
        self.next_u32().is_multiple_of(one_in)
    }
}

pub(super) fn loss(answer: Answer) -> Option<Loss> {
    match answer {
        Answer::Reply(reply) => Some(weigh::refusal(&reply, None)),
        Answer::Ended => Some(Loss::Ended),
        Answer::Broken => Some(Loss::Broken("the connection broke".to_owned())),
        Answer::Opened(_) | Answer::SchedulerEvent(_) | Answer::ExecutorEvent(_) => None,
    }
}

pub(super) fn fate(answer: Answer) -> Option<Fate> {
    match answer {
        Answer::Reply(reply) => Some(weigh::fate(reply)),
        Answer::Ended | Answer::Broken => Some(Fate::Unanswered("the connection broke".to_owned())),
        Answer::Opened(_) | Answer::SchedulerEvent(_) | Answer::ExecutorEvent(_) => None,
    }
}
