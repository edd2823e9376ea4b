//! Where disk comes from and what is kept on it.

use super::Labels;
use serde::{Deserialize, Serialize};

/// What there is to say about a disk resource beyond its size.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DiskInfo {
    /// A volume that outlives the tasks that use it.
    pub persistence: Option<Persistence>,
    /// How this use of the volume appears in a container.
    pub volume: Option<Volume>,
    /// The disk it is on; `None` for the one with the work directory.
    pub source: Option<DiskSource>,
}

impl DiskInfo {
    /// Whether parts of it can be given out: not volumes, and not disks that go as a whole.
    pub(crate) fn is_divisible(&self) -> bool {
        self.persistence.is_none() && self.source.as_ref().is_none_or(DiskSource::is_divisible)
    }
}

impl PartialEq for DiskInfo {
    /// Volumes are the same if their ids are: neither who made one nor where a task wants to see it counts.
    fn eq(&self, other: &Self) -> bool {
        let id = |disk: &Self| disk.persistence.as_ref().map(|persistence| persistence.id.clone());
        self.source == other.source && id(self) == id(other)
    }
}

impl Eq for DiskInfo {}

/// The identity of a persistent volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Persistence {
    /// Unique per role on one agent.
    pub id: String,
    /// Who made it.
    pub principal: Option<String>,
}

/// Whether a container may write to a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VolumeMode {
    /// It may.
    ReadWrite,
    /// It may not.
    ReadOnly,
}

impl VolumeMode {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadWrite => "RW",
            Self::ReadOnly => "RO",
        }
    }
}

/// Where a container sees a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Whether it may write.
    pub mode: VolumeMode,
    /// The path inside.
    pub container_path: String,
    /// The path outside.
    pub host_path: Option<String>,
}

/// What sort of disk a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DiskSourceKind {
    /// Not known to us.
    Unknown,
    /// A directory on a disk, to be divided.
    Path,
    /// A mounted file system, given out as a whole.
    Mount,
    /// A block device, given out as a whole.
    Block,
    /// A device not yet prepared.
    Raw,
}

impl DiskSourceKind {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Path => "PATH",
            Self::Mount => "MOUNT",
            Self::Block => "BLOCK",
            Self::Raw => "RAW",
        }
    }
}

/// A disk other than the one with the work directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskSource {
    /// What sort.
    pub kind: DiskSourceKind,
    /// Where its file system is, for directories and mounts.
    pub root: Option<String>,
    /// Who provides it.
    pub vendor: Option<String>,
    /// The provider's name for it.
    pub id: Option<String>,
    /// What the provider wants to remember.
    pub metadata: Option<Labels>,
    /// What sort of service it gives.
    pub profile: Option<String>,
}

impl DiskSource {
    /// A source of one sort, with nothing else known.
    pub const fn new(kind: DiskSourceKind) -> Self {
        Self { kind, root: None, vendor: None, id: None, metadata: None, profile: None }
    }

    fn is_divisible(&self) -> bool {
        match self.kind {
            DiskSourceKind::Path => true,
            DiskSourceKind::Raw => self.id.is_none(),
            DiskSourceKind::Unknown | DiskSourceKind::Mount | DiskSourceKind::Block => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_divided() {
        for (kind, name, divisible, with_id) in [
            (DiskSourceKind::Unknown, "UNKNOWN", false, false),
            (DiskSourceKind::Path, "PATH", true, true),
            (DiskSourceKind::Mount, "MOUNT", false, false),
            (DiskSourceKind::Block, "BLOCK", false, false),
            (DiskSourceKind::Raw, "RAW", true, false),
        ] {
            assert_eq!(kind.name(), name);
            for (id, divisible) in [(None, divisible), (Some("id".to_owned()), with_id)] {
                let source = Some(DiskSource { id, ..DiskSource::new(kind) });
                let mut disk = DiskInfo { source, ..DiskInfo::default() };
                assert_eq!(disk.is_divisible(), divisible, "{disk:?}");
                disk.persistence = Some(Persistence { id: "v".to_owned(), principal: None });
                assert!(!disk.is_divisible());
            }
        }
        assert_eq!((VolumeMode::ReadWrite.name(), VolumeMode::ReadOnly.name()), ("RW", "RO"));
        assert!(DiskInfo::default().is_divisible());
    }

    #[test]
    fn what_is_the_same_disk() {
        let volume = |id: &str, principal: Option<&str>| DiskInfo {
            persistence: Some(Persistence { id: id.to_owned(), principal: principal.map(str::to_owned) }),
            ..DiskInfo::default()
        };
        let path = Volume { mode: VolumeMode::ReadOnly, container_path: "p".to_owned(), host_path: None };
        assert_eq!(volume("a", None), volume("a", Some("ops")));
        assert_eq!(volume("a", None), DiskInfo { volume: Some(path), ..volume("a", None) });
        let source = Some(DiskSource::new(DiskSourceKind::Path));
        for other in [volume("b", None), DiskInfo { source, ..volume("a", None) }, DiskInfo::default()] {
            assert_ne!(volume("a", None), other);
        }
    }
}
