//! Who is offered what: the role tree, weighted DRF, quota and filters.
//!
//! Resources that are free on an agent are granted to one framework under one of its roles: to the role that
//! has the least by its weight, and within it to the framework that has the least. What a framework refused
//! is kept from it for a while; what is reserved goes only where it may.
//!
//! The [`Allocator`] is told what happens (agents and frameworks come and go, resources are recovered) and
//! remembers what that touched. [`Allocator::allocate`] then looks at nothing else: there is no periodic
//! cycle over everything. The only timer is the end of refusals.
//!
//! No wire types, no offers, no tasks: grants become offers in the master.

mod allocator;
mod config;
mod explain;
mod quota;
mod roles;

pub use allocator::{Agent, Allocator, Framework, Grant};
pub use config::{Config, parse_min_allocatable};
pub use explain::{Explanation, Refusal};
pub use quota::Quota;
