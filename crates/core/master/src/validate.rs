//! What a call, a framework or a task must be like. One function per rule, in Mesos's order; the texts are
//! Mesos's, because schedulers and people read them.
//!
//! Nothing here changes anything.

pub(crate) mod call;
pub(crate) mod executor;
pub(crate) mod framework;
pub(crate) mod group;
pub(crate) mod offers;
pub(crate) mod task;

/// The resources that a task or an executor asks for, read once; or what is wrong with the first that is invalid.
pub(crate) type Asked = Result<tepui_model::Resources, tepui_wire_mesos::convert::InvalidResource>;

/// What is wrong, in the words that a client reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Invalid(pub(crate) String);

/// Fails with these words.
pub(crate) fn invalid<T>(text: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid(text.into()))
}
