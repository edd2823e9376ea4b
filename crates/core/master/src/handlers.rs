//! What each event leads to, one file per family of calls.

pub(crate) mod accept;
pub(crate) mod acknowledge;
pub(crate) mod agents;
pub(crate) mod call;
pub(crate) mod drain;
pub(crate) mod executors;
pub(crate) mod framework;
pub(crate) mod kill;
pub(crate) mod message;
pub(crate) mod offers;
pub(crate) mod operator;
pub(crate) mod reconcile;
pub(crate) mod recovery;
pub(crate) mod removal;
pub(crate) mod reregister;
pub(crate) mod subscribe;
pub(crate) mod tasks;
pub(crate) mod updates;
