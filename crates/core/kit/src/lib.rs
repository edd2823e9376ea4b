//! What every core is made with: the grammar ([`Core`]), timers, chance, back-off, numbers of attempts, effects and writes.
//!
//! A core is a state machine that decides and does nothing else. A shell starts it ([`Core::start`]), tells it what
//! happened ([`Core::handle`]), wakes it when it asked to be woken ([`Core::poll_timeout`], [`Core::handle_timeout`]) and
//! performs what it wants done ([`Core::poll_effect`]). What goes in and what comes out are data: so the same core runs in
//! a daemon, in the simulator and in a replay of what a daemon recorded, and behaves the same in each.
//!
//! Must not live here: anything that knows what a cluster is.
//!
//! # A core from the beginning
//!
//! A lamp that burns for as long as it was asked to, and that writes down that it burns before it does. It is
//! [`example::Lamp`]; the simulator runs it beside the others.
//!
//! ```
#![doc = include_str!("example.rs")]
//!
//! # fn main() {
//! use tepui_core_kit::{Core as _, Seed};
//! use tepui_model::Tick;
//!
//! let start = Start { longest: Duration::from_secs(60), seed: Seed::from(7), burning_until: None };
//! let mut lamp = Lamp::start(Tick::ZERO, start);
//! lamp.handle(Tick::ZERO, Event::Lit { seconds: 5 });
//! let Some(Effect::Persist(write)) = lamp.poll_effect() else { panic!("it burns before it is written down") };
//! assert_eq!(lamp.poll_effect(), None, "nothing is promised until the shell says that it is durable");
//! lamp.handle(Tick::ZERO, Event::Persisted(write.token));
//! assert_eq!(lamp.poll_effect(), Some(Effect::Switch { on: true }));
//! let due = lamp.poll_timeout().expect("it wants to be woken");
//! lamp.handle_timeout(due);
//! assert_eq!(lamp.poll_effect(), Some(Effect::Switch { on: false }));
//! # }
//! ```

// The example is written as somebody outside writes it.
extern crate self as tepui_core_kit;

mod attempts;
mod backoff;
mod chance;
mod core;
pub mod example;
mod outbox;
mod timers;

pub use self::core::{Core, Record};
pub use attempts::Attempts;
pub use backoff::{Backoff, Waits};
pub use chance::{Chance, Seed};
pub use outbox::{Outbox, Persist, Write};
pub use timers::Timers;
