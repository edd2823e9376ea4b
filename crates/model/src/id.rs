//! Identifiers: who is who. Strings that are cheap to clone and never mixed up with one another.
//!
//! What arrives on a wire goes through `try_new`, which knows what an id may look like (ids become names
//! of directories); ids from our own state go through `new`.

use serde::{Deserialize, Serialize};
use std::{borrow::Borrow, cmp::Ordering, fmt, sync::Arc};

/// The longest id in bytes: ids become file names.
pub const MAX_ID_BYTES: usize = 255;

/// Why a string is no id. The texts are the ones that Mesos clients read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// Nothing there.
    #[error("ID must not be empty")]
    Empty,
    /// Longer than [`MAX_ID_BYTES`].
    #[error("ID must not be greater than {MAX_ID_BYTES} characters")]
    TooLong,
    /// `.` or `..`.
    #[error("'{0}' is disallowed")]
    Dots(String),
    /// A slash, a backslash or a control character.
    #[error("'{0}' contains invalid characters")]
    Characters(String),
}

/// Checks a string by the rules for ids: not empty, at most 255 bytes, no `/`, no `\`, no control
/// character, not `.` and not `..`.
///
/// # Errors
/// The first rule that is broken.
pub fn validate_id(id: &str) -> Result<(), InvalidId> {
    if id.is_empty() {
        return Err(InvalidId::Empty);
    }
    if id.len() > MAX_ID_BYTES {
        return Err(InvalidId::TooLong);
    }
    if id == "." || id == ".." {
        return Err(InvalidId::Dots(id.to_owned()));
    }
    if id.bytes().any(|byte| byte == b'/' || byte == b'\\' || byte.is_ascii_control()) {
        return Err(InvalidId::Characters(id.to_owned()));
    }
    Ok(())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(Arc<str>);

        impl $name {
            /// An id that came from our own state; not checked.
            pub fn new(id: impl Into<Arc<str>>) -> Self {
                Self(id.into())
            }

            /// An id that came from outside.
            ///
            /// # Errors
            /// See [`validate_id`].
            pub fn try_new(id: &str) -> Result<Self, InvalidId> {
                validate_id(id)?;
                Ok(Self(id.into()))
            }

            /// The string on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.into())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id.into())
            }
        }
    };
}

id!(
    /// A framework: `<master id>-0000`.
    FrameworkId
);
id!(
    /// An agent: `<master id>-S0`.
    AgentId
);
id!(
    /// An executor, unique within its framework on one agent.
    ExecutorId
);
id!(
    /// A task, unique within its framework while the master remembers it.
    TaskId
);
id!(
    /// An offer: `<master id>-O0`.
    OfferId
);
id!(
    /// An operation, chosen by the framework that wants to hear of it.
    OperationId
);

/// A container; nested ones know their parent. In order, a container comes right before those in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContainerId {
    value: Arc<str>,
    parent: Option<Arc<ContainerId>>,
}

impl ContainerId {
    /// A container at the top; not checked.
    pub fn new(value: impl Into<Arc<str>>) -> Self {
        Self { value: value.into(), parent: None }
    }

    /// A container at the top, from outside.
    ///
    /// # Errors
    /// See [`validate_id`].
    pub fn try_new(value: &str) -> Result<Self, InvalidId> {
        validate_id(value)?;
        Ok(Self::new(value))
    }

    /// Reads what [`fmt::Display`] wrote: the ids from the outermost inwards, joined by dots. No id has a dot in it.
    pub fn parse(text: &str) -> Self {
        let mut ids = text.split('.');
        let root = Self::new(ids.next().unwrap_or_default());
        ids.fold(root, |parent, id| Self { value: id.into(), parent: Some(Arc::new(parent)) })
    }

    /// A container inside this one; not checked.
    pub fn child(&self, value: impl Into<Arc<str>>) -> Self {
        Self { value: value.into(), parent: Some(Arc::new(self.clone())) }
    }

    /// Its own name, without its parents'.
    pub fn as_str(&self) -> &str {
        &self.value
    }

    /// The container around it.
    pub fn parent(&self) -> Option<&Self> {
        self.parent.as_deref()
    }

    /// The outermost container.
    pub fn root(&self) -> &Self {
        let mut container = self;
        while let Some(parent) = container.parent() {
            container = parent;
        }
        container
    }
}

impl ContainerId {
    /// Whether it is inside another one, however deep.
    pub fn is_inside(&self, other: &Self) -> bool {
        let mut around = self.parent();
        while let Some(container) = around {
            if container == other {
                return true;
            }
            around = container.parent();
        }
        false
    }

    fn depth(&self) -> usize {
        let mut container = self;
        let mut depth = 0;
        while let Some(parent) = container.parent() {
            container = parent;
            depth += 1;
        }
        depth
    }

    /// The one around it in which `depth` others are nested into one another.
    fn ancestor(&self, depth: usize) -> &Self {
        let mut container = self;
        for _ in depth..self.depth() {
            container = container.parent().unwrap_or(container);
        }
        container
    }

    fn cmp_of_one_depth(&self, other: &Self) -> Ordering {
        match (self.parent(), other.parent()) {
            (Some(parent), Some(others)) => parent.cmp_of_one_depth(others),
            _ => Ordering::Equal,
        }
        .then_with(|| self.value.cmp(&other.value))
    }
}

impl Ord for ContainerId {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.parent.is_none() && other.parent.is_none() {
            return self.value.cmp(&other.value);
        }
        let (depth, others) = (self.depth(), other.depth());
        let common = depth.min(others);
        self.ancestor(common).cmp_of_one_depth(other.ancestor(common)).then_with(|| depth.cmp(&others))
    }
}

impl PartialOrd for ContainerId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ContainerId {
    /// From the outermost inwards, joined by dots.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = &self.parent {
            write!(f, "{parent}.")?;
        }
        f.write_str(&self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        let long = "x".repeat(255);
        for good in ["a", "a b", "ü", "...", ".a", &long] {
            assert_eq!(TaskId::try_new(good).map(|id| id.to_string()), Ok(good.to_owned()));
        }
        let longer = "x".repeat(256);
        for (bad, text) in [
            ("", "ID must not be empty"),
            (".", "'.' is disallowed"),
            ("..", "'..' is disallowed"),
            ("bad/id", "'bad/id' contains invalid characters"),
            ("bad\\id", "'bad\\id' contains invalid characters"),
            ("tab\t", "'tab\t' contains invalid characters"),
            (&longer, "ID must not be greater than 255 characters"),
        ] {
            assert_eq!(TaskId::try_new(bad).map_err(|error| error.to_string()), Err(text.to_owned()));
        }
    }

    #[test]
    fn containers_nest() {
        let outer = ContainerId::new("a");
        let inner = outer.child("b").child("c");
        assert_eq!(inner.to_string(), "a.b.c");
        assert_eq!(inner.root(), &outer);
        assert_eq!(inner.parent().map(ContainerId::as_str), Some("b"));
    }

    #[test]
    fn containers_come_right_before_those_in_them() {
        let names = ["a", "a.b", "a.b.c", "a.c", "a-b", "a-b.a", "b"];
        let mut ids: Vec<ContainerId> = names.into_iter().rev().map(ContainerId::parse).collect();
        ids.sort();
        assert_eq!(ids.iter().map(ToString::to_string).collect::<Vec<_>>(), names);
        for (inner, outer, inside) in
            [("a.b.c", "a", true), ("a.b.c", "a.b", true), ("a.b", "a.b", false), ("a-b.a", "a", false)]
        {
            assert_eq!(ContainerId::parse(inner).is_inside(&ContainerId::parse(outer)), inside, "{inner}");
        }
    }
}
