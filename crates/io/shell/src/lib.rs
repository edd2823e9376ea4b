//! What every shell has: the loop around a core, and what it is made with.
//!
//! A shell waits, tells its core what happened, and performs what the core wants done. [`run()`] is that loop; a daemon or a
//! driver writes a [`World`], which says where its events come from and how its effects are performed.
//!
//! | to | see |
//! |---|---|
//! | run a core | [`run()`], [`World`], [`Heart`] |
//! | share it with a user's threads | [`Common`], [`Share`] |
//! | tell it the time | [`Clock`] |
//! | take from many queues, none of which shuts out another | [`Lanes`] |
//! | come to it from outside, with questions and calls | [`Inbox`], [`Question`] |
//! | answer calls, keep event streams | [`Callers`], [`Caller`] |
//! | wait for signals | [`Signals`] |
//! | hand a user what was decided, wait for an end | [`Backlog`], [`Ended`] |
//!
//! Must not live here: what any core decides, and how any one effect is performed.

mod backlog;
mod callers;
mod clock;
mod common;
mod inbox;
mod lanes;
mod run;
mod signals;

pub use backlog::{Backlog, Ended};
pub use callers::{Caller, Callers, EventStream};
pub use clock::{Clock, tick_of};
pub use common::{Common, Share};
pub use inbox::{Gone, Inbox, Question};
pub use lanes::Lanes;
pub use run::{Flow, Heart, World, perform, run};
pub use signals::Signals;
