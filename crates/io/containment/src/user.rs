//! Who a container runs as.
//!
//! Users are looked up in /etc/passwd and /etc/group, and where they are not there (a directory service)
//! through the system's `getent` and `id`, so that nothing here needs the C library's name service.

use std::{fs, process::Command};

/// The numbers that a process gets when it becomes a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// All groups, the primary one included.
    pub groups: Vec<u32>,
}

/// Why a process cannot run as a user. The text is what a framework reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// There is no such user.
    #[error("Failed to chown directory to '{user}': No such user '{user}'")]
    Missing {
        /// Who.
        user: String,
    },
    /// Only root may switch.
    #[error("Failed to chown directory to '{user}': the agent does not run as root and cannot switch users")]
    NotPermitted {
        /// Who.
        user: String,
    },
}

impl Credentials {
    /// Looks `user` up.
    ///
    /// # Errors
    /// [`UserError::Missing`].
    pub fn of(user: &str) -> Result<Self, UserError> {
        let missing = || UserError::Missing { user: user.to_owned() };
        if user.is_empty() || user.contains([':', '\n', '\0', '/']) || user.starts_with('-') {
            return Err(missing());
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        if let Some((uid, gid)) = find_user(&passwd, user) {
            let group = fs::read_to_string("/etc/group").unwrap_or_default();
            return Ok(Self { uid, gid, groups: find_groups(&group, user, gid) });
        }
        let entry = output_of("getent", &["passwd", "--", user]).ok_or_else(missing)?;
        let (uid, gid) = find_user(&entry, user).ok_or_else(missing)?;
        let mut groups = vec![gid];
        let more = output_of("id", &["-G", "--", user]).unwrap_or_default();
        groups
            .extend(more.split_whitespace().filter_map(|id| id.parse::<u32>().ok()).filter(|id| *id != gid));
        Ok(Self { uid, gid, groups })
    }

    /// The switch that running as `user` needs: `None` if this process is that user already.
    ///
    /// # Errors
    /// [`UserError`].
    pub fn switch_to(user: &str) -> Result<Option<Self>, UserError> {
        let credentials = Self::of(user)?;
        let own = rustix::process::geteuid().as_raw();
        if credentials.uid == own {
            return Ok(None);
        }
        if own != 0 {
            return Err(UserError::NotPermitted { user: user.to_owned() });
        }
        Ok(Some(credentials))
    }
}

/// Whether this process may become any user.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The name of the user that this process runs as; its number when it has none.
pub fn current() -> String {
    let uid = rustix::process::geteuid().as_raw();
    name_of(uid)
}

/// The name of a user; its number when it has none.
pub fn name_of(uid: u32) -> String {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(&passwd, uid).unwrap_or_else(|| uid.to_string())
}

/// The name of a group; its number when it has none.
pub fn group_name_of(gid: u32) -> String {
    let group = fs::read_to_string("/etc/group").unwrap_or_default();
    name_in(&group, gid).unwrap_or_else(|| gid.to_string())
}

fn name_in(file: &str, id: u32) -> Option<String> {
    let id = id.to_string();
    file.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    })
}

fn find_user(passwd: &str, user: &str) -> Option<(u32, u32)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != user {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some((uid, gid))
    })
}

fn find_groups(group: &str, user: &str, primary: u32) -> Vec<u32> {
    let mut groups = vec![primary];
    for line in group.lines() {
        let mut fields = line.split(':').skip(2);
        let (Some(gid), Some(members)) = (fields.next().and_then(|gid| gid.parse().ok()), fields.next())
        else {
            continue;
        };
        if gid != primary && members.split(',').any(|member| member == user) {
            groups.push(gid);
        }
    }
    groups
}

fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_tables() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nbroken\nann:x:1001:100::/home/ann:/bin/sh\n";
        assert_eq!(find_user(passwd, "ann"), Some((1001, 100)));
        assert_eq!(find_user(passwd, "an"), None);
        let group = "root:x:0:\nusers:x:100:ann\nsudo:x:27:bob,ann\nx\ndocker:x:999:bob\n";
        assert_eq!(find_groups(group, "ann", 100), vec![100, 27]);
    }

    #[test]
    fn missing_users_are_errors() {
        for user in ["", "no-such-user-here", "-x", "a:b", "root\n"] {
            assert_eq!(Credentials::of(user), Err(UserError::Missing { user: user.to_owned() }));
        }
    }

    #[test]
    fn oneself_needs_no_switch() {
        assert_eq!(Credentials::switch_to(&current()), Ok(None));
        assert_eq!(name_of(0), "root");
    }
}
