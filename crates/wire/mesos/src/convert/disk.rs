//! Disks: where they are, and what is kept on them.

use tepui_model::{DiskInfo, DiskSource, DiskSourceKind, Persistence, Volume, VolumeMode};

use crate::v1::{
    self,
    resource::{
        self,
        disk_info::{
            self,
            source::{Mount, Path, Type},
        },
    },
};

impl From<&resource::DiskInfo> for DiskInfo {
    fn from(wire: &resource::DiskInfo) -> Self {
        Self {
            persistence: wire
                .persistence
                .as_ref()
                .map(|kept| Persistence { id: kept.id.clone(), principal: kept.principal.clone() }),
            volume: wire.volume.as_ref().map(|volume| Volume {
                mode: match volume.mode() {
                    v1::volume::Mode::Rw => VolumeMode::ReadWrite,
                    v1::volume::Mode::Ro => VolumeMode::ReadOnly,
                },
                container_path: volume.container_path.clone(),
                host_path: volume.host_path.clone(),
            }),
            source: wire.source.as_ref().map(source),
        }
    }
}

fn source(wire: &disk_info::Source) -> DiskSource {
    let kind = match wire.r#type() {
        Type::Unknown => DiskSourceKind::Unknown,
        Type::Path => DiskSourceKind::Path,
        Type::Mount => DiskSourceKind::Mount,
        Type::Block => DiskSourceKind::Block,
        Type::Raw => DiskSourceKind::Raw,
    };
    let root = match kind {
        DiskSourceKind::Path => wire.path.as_ref().and_then(|path| path.root.clone()),
        DiskSourceKind::Mount => wire.mount.as_ref().and_then(|mount| mount.root.clone()),
        _ => None,
    };
    DiskSource {
        kind,
        root,
        vendor: wire.vendor.clone(),
        id: wire.id.clone(),
        metadata: wire.metadata.as_ref().map(Into::into),
        profile: wire.profile.clone(),
    }
}

impl From<&DiskInfo> for resource::DiskInfo {
    fn from(disk: &DiskInfo) -> Self {
        Self {
            persistence: disk.persistence.as_ref().map(|kept| disk_info::Persistence {
                id: kept.id.clone(),
                principal: kept.principal.clone(),
            }),
            volume: disk.volume.as_ref().map(|volume| v1::Volume {
                mode: match volume.mode {
                    VolumeMode::ReadWrite => v1::volume::Mode::Rw,
                    VolumeMode::ReadOnly => v1::volume::Mode::Ro,
                }
                .into(),
                container_path: volume.container_path.clone(),
                host_path: volume.host_path.clone(),
                ..v1::Volume::default()
            }),
            source: disk.source.as_ref().map(source_to_wire),
        }
    }
}

fn source_to_wire(source: &DiskSource) -> disk_info::Source {
    let root = source.root.clone();
    let (kind, path, mount) = match source.kind {
        DiskSourceKind::Unknown => (Type::Unknown, None, None),
        DiskSourceKind::Path => (Type::Path, Some(Path { root }), None),
        DiskSourceKind::Mount => (Type::Mount, None, Some(Mount { root })),
        DiskSourceKind::Block => (Type::Block, None, None),
        DiskSourceKind::Raw => (Type::Raw, None, None),
    };
    disk_info::Source {
        r#type: kind.into(),
        path,
        mount,
        vendor: source.vendor.clone(),
        id: source.id.clone(),
        metadata: source.metadata.as_ref().map(Into::into),
        profile: source.profile.clone(),
    }
}
