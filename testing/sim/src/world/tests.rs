//! A core that is no part of a cluster lives in the simulator as the others do.

use std::{collections::VecDeque, time::Duration};

use tepui_core_kit::{
    Core as _, Persist, Seed,
    example::{Effect, Event, Lamp, Start},
};
use tepui_model::{Tick, Token};

use super::{Input, Machine, START, World};
use crate::{Options, host::Host, network::Node};

/// A lamp with its disk, and what was seen of it.
#[derive(Debug, Default)]
struct LampNode {
    host: Host<Lamp>,
    disk: Option<Tick>,
    writing: VecDeque<Persist<Tick>>,
    seen: Vec<(Tick, bool)>,
}

impl Machine for LampNode {
    type Core = Lamp;

    fn host(&self) -> &Host<Lamp> {
        &self.host
    }

    fn host_mut(&mut self) -> &mut Host<Lamp> {
        &mut self.host
    }

    fn start(world: &mut World, node: &Node) {
        let Some(lamp) = world.nodes.get_mut::<Self>(node) else { return };
        let longest = Duration::from_secs(60);
        lamp.host.start(world.now, Start { longest, seed: Seed::from(1), burning_until: lamp.disk });
    }

    fn crash(world: &mut World, node: &Node) {
        let Some(lamp) = world.nodes.get_mut::<Self>(node) else { return };
        lamp.host.stop();
        lamp.writing.clear();
    }

    fn event(input: Input) -> Option<Event> {
        match input {
            Input::Persisted(token) => Some(Event::Persisted(token)),
            _ => None,
        }
    }

    fn written(&mut self) -> Option<Token> {
        let Persist { token, writes } = self.writing.pop_front()?;
        self.disk = writes.last().copied().or(self.disk);
        Some(token)
    }

    fn perform(world: &mut World, node: &Node, effect: Effect) {
        let now = world.now;
        let Some(lamp) = world.nodes.get_mut::<Self>(node) else { return };
        match effect {
            Effect::Switch { on } => lamp.seen.push((now, on)),
            Effect::Persist(persist) => {
                lamp.writing.push_back(persist);
                world.write(node.clone());
            }
        }
    }
}

const NODE: Node = Node::Guest("lamp");

fn lit() -> World {
    let mut world = World::empty(Options { seed: 1, print: false, sabotage: None }, false, START);
    world.nodes.insert(NODE, LampNode::default());
    world.start(&NODE);
    let lamp = world.nodes.get_mut::<LampNode>(&NODE).unwrap();
    lamp.host.core_mut().unwrap().handle(START, Event::Lit { seconds: 10 });
    world.drain(&NODE);
    world
}

fn seen(world: &World) -> Vec<(u64, bool)> {
    let seen = &world.nodes.get::<LampNode>(&NODE).unwrap().seen;
    seen.iter().map(|(at, on)| (at.since(START).as_secs(), *on)).collect()
}

fn live(world: &mut World) {
    while world.step().is_ok() {}
}

#[test]
fn a_lamp_burns_once_it_is_written_down_and_as_long_as_it_was_asked_to() {
    let mut world = lit();
    assert_eq!(seen(&world), []);
    live(&mut world);
    assert_eq!(seen(&world), [(0, true), (10, false)]);
}

#[test]
fn a_lamp_that_is_started_anew_burns_on_and_wakes_of_its_first_life_are_void() {
    let mut world = lit();
    world.step().unwrap();
    assert_eq!(seen(&world), [(0, true)]);
    world.crash(&NODE);
    assert!(!world.nodes.is_up(&NODE));
    world.now = world.now + Duration::from_secs(4);
    world.start(&NODE);
    live(&mut world);
    assert_eq!(seen(&world), [(0, true), (4, true), (10, false)]);
}

#[test]
fn what_was_not_durable_is_forgotten() {
    let mut world = lit();
    world.crash(&NODE);
    world.start(&NODE);
    live(&mut world);
    assert_eq!(seen(&world), []);
}
