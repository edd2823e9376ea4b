//! Roles: names by which resources are reserved and shared out. `/` makes them a tree.

use serde::{Deserialize, Serialize};
use std::{borrow::Borrow, fmt, sync::Arc};

/// Why a string is no role. The texts are the ones that Mesos clients read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRole {
    /// Nothing there.
    #[error("Empty role name is invalid")]
    Empty,
    /// `/a`.
    #[error("Role '{0}' cannot start with a slash")]
    StartsWithSlash(String),
    /// `a/`.
    #[error("Role '{0}' cannot end with a slash")]
    EndsWithSlash(String),
    /// `a//b`.
    #[error("Role '{0}' cannot contain two adjacent slashes")]
    AdjacentSlashes(String),
    /// A component `.`, `..`, or, below the top, `*`.
    #[error("Role '{role}' cannot include '{component}' as a component")]
    Component {
        /// The whole role.
        role: String,
        /// The component in question.
        component: String,
    },
    /// A component like `-x`.
    #[error("Role component '{0}' is invalid because it begins with a dash")]
    Dash(String),
    /// Spaces, tabs, line ends, backspace, delete.
    #[error("Role component '{0}' is invalid because it contains backspace or whitespace")]
    Whitespace(String),
}

/// A role, such as `*` (everybody's), `ads` or `ads/web`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Role(Arc<str>);

impl Role {
    /// The name of the role that everything unreserved belongs to.
    pub const DEFAULT: &'static str = "*";

    /// A role that came from our own state; not checked.
    pub fn new(role: impl Into<Arc<str>>) -> Self {
        Self(role.into())
    }

    /// A role that came from outside.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn try_new(role: &str) -> Result<Self, InvalidRole> {
        Self::validate(role)?;
        Ok(Self(role.into()))
    }

    /// `*`.
    pub fn star() -> Self {
        Self(Self::DEFAULT.into())
    }

    /// Checks a string by the rules for roles.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate(role: &str) -> Result<(), InvalidRole> {
        if role == Self::DEFAULT {
            return Ok(());
        }
        if role.is_empty() {
            return Err(InvalidRole::Empty);
        }
        if role.starts_with('/') {
            return Err(InvalidRole::StartsWithSlash(role.to_owned()));
        }
        if role.ends_with('/') {
            return Err(InvalidRole::EndsWithSlash(role.to_owned()));
        }
        if role.contains("//") {
            return Err(InvalidRole::AdjacentSlashes(role.to_owned()));
        }
        for component in role.split('/') {
            if matches!(component, "." | ".." | Self::DEFAULT) {
                return Err(InvalidRole::Component {
                    role: role.to_owned(),
                    component: component.to_owned(),
                });
            }
            if component.starts_with('-') {
                return Err(InvalidRole::Dash(component.to_owned()));
            }
            if component.bytes().any(|byte| matches!(byte, 0x08..=0x0d | b' ' | 0x7f)) {
                return Err(InvalidRole::Whitespace(component.to_owned()));
            }
        }
        Ok(())
    }

    /// The string on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `*`.
    pub fn is_star(&self) -> bool {
        &*self.0 == Self::DEFAULT
    }

    /// Whether it has parents.
    pub fn is_nested(&self) -> bool {
        self.0.contains('/')
    }

    /// Whether this lies below `ancestor` in the tree: `a/b` below `a`; nothing lies below itself.
    pub fn is_strict_subrole_of(&self, ancestor: &Self) -> bool {
        self.0.strip_prefix(&*ancestor.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// Whether this is `other` or lies below it: what is reserved for `other` may be offered to this.
    pub fn is_within(&self, other: &Self) -> bool {
        self == other || self.is_strict_subrole_of(other)
    }

    /// The role above, if there is one.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self::new(parent))
    }

    /// The role at the top of this one's branch; itself if it has no parent.
    pub fn top(&self) -> Self {
        self.0.split_once('/').map_or_else(|| self.clone(), |(top, _)| Self::new(top))
    }

    /// The roles above, nearest first.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), Self::parent)
    }

    /// The names between the slashes.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl Default for Role {
    fn default() -> Self {
        Self::star()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Role({})", self.0)
    }
}

impl AsRef<str> for Role {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Role {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Role {
    fn from(role: &str) -> Self {
        Self(role.into())
    }
}

impl From<String> for Role {
    fn from(role: String) -> Self {
        Self(role.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        for good in ["*", "a", "a/b", "a/b-c", "ü/.x", "a*"] {
            assert_eq!(Role::validate(good), Ok(()), "{good}");
        }
        for (bad, text) in [
            ("", "Empty role name is invalid"),
            ("/a", "Role '/a' cannot start with a slash"),
            ("a/", "Role 'a/' cannot end with a slash"),
            ("a//b", "Role 'a//b' cannot contain two adjacent slashes"),
            ("a/.", "Role 'a/.' cannot include '.' as a component"),
            ("..", "Role '..' cannot include '..' as a component"),
            ("a/*", "Role 'a/*' cannot include '*' as a component"),
            ("a/-b", "Role component '-b' is invalid because it begins with a dash"),
            ("a b", "Role component 'a b' is invalid because it contains backspace or whitespace"),
            ("a\u{8}", "Role component 'a\u{8}' is invalid because it contains backspace or whitespace"),
        ] {
            assert_eq!(Role::validate(bad).map_err(|error| error.to_string()), Err(text.to_owned()));
        }
    }

    #[test]
    fn tree() {
        let role = Role::new("a/b/c");
        assert_eq!(role.parent(), Some(Role::new("a/b")));
        assert_eq!(role.top(), Role::new("a"));
        assert_eq!(role.ancestors().collect::<Vec<_>>(), [Role::new("a/b"), Role::new("a")]);
        assert!(role.is_strict_subrole_of(&Role::new("a")));
        assert!(!role.is_strict_subrole_of(&role));
        assert!(role.is_within(&role));
        assert!(!Role::new("ab").is_within(&Role::new("a")));
        assert!(!Role::new("a").is_within(&Role::star()));
    }

    #[test]
    fn parts() {
        for (text, nested, components, parent, top) in [
            ("*", false, &["*"][..], None, "*"),
            ("a", false, &["a"], None, "a"),
            ("a/b", true, &["a", "b"], Some("a"), "a"),
            ("a/b/c", true, &["a", "b", "c"], Some("a/b"), "a"),
        ] {
            let role = Role::from(text);
            assert_eq!((role.is_nested(), role.is_star()), (nested, text == "*"));
            assert_eq!(role.components().collect::<Vec<_>>(), components);
            assert_eq!((role.parent(), role.top()), (parent.map(Role::new), Role::new(top)));
            let borrowed: &str = role.borrow();
            assert_eq!((role.as_str(), role.as_ref(), borrowed), (text, text, text));
            assert_eq!((role.to_string(), format!("{role:?}")), (text.to_owned(), format!("Role({text})")));
            assert_eq!(Role::try_new(text), Ok(Role::from(text.to_owned())));
        }
        assert_eq!((Role::default(), Role::star().as_str()), (Role::new("*"), "*"));
        assert_eq!(Role::try_new("a/"), Err(InvalidRole::EndsWithSlash("a/".to_owned())));
    }
}
