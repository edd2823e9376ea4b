//! The messages of the Mesos v1 APIs and of the agent protocol, and their JSON dialect.
//!
//! Here live the generated types, the table of their fields, the dialect of JSON, and what the numbers of HTTP mean to a
//! client. Binary protobuf is read and written by `tepui_wire_protobuf`.
//! No decision about a cluster is made here, and nothing here does I/O.

mod answer;
pub mod content;
pub mod convert;
pub mod error;
pub mod json;
pub mod message;
mod recorded;
pub mod weigh;

pub use answer::answer;
pub use content::ContentType;
pub use error::DecodeError;
pub use message::Message;

/// The tables of all messages and enums, generated from `proto/` by `cargo xtask codegen`.
#[rustfmt::skip]
#[allow(clippy::all, clippy::allow_attributes_without_reason, reason = "generated")]
mod descriptors {
    use crate::recorded::recorded;
    use tepui_wire_protobuf::{Described, EnumDescriptor, FieldDescriptor, Kind, Label, MessageDescriptor};
    include!("generated/descriptors.rs");
}

pub use descriptors::{ENUMS, MESSAGES};

/// Generated from `proto/` by `cargo xtask codegen`.
#[allow(missing_docs, reason = "generated; proto/ and Mesos document the fields")]
#[allow(clippy::all, clippy::large_futures, clippy::allow_attributes_without_reason, reason = "generated")]
pub mod mesos {
    /// Package mesos.v1.
    pub mod v1 {
        include!("generated/mesos.v1.rs");
        /// Package mesos.v1.scheduler.
        pub mod scheduler {
            include!("generated/mesos.v1.scheduler.rs");
        }
        /// Package mesos.v1.executor.
        pub mod executor {
            include!("generated/mesos.v1.executor.rs");
        }
        /// Package mesos.v1.master.
        pub mod master {
            include!("generated/mesos.v1.master.rs");
        }
        /// Package mesos.v1.agent.
        pub mod agent {
            include!("generated/mesos.v1.agent.rs");
        }
        /// Package mesos.v1.quota.
        pub mod quota {
            include!("generated/mesos.v1.quota.rs");
        }
        /// Package mesos.v1.maintenance.
        pub mod maintenance {
            include!("generated/mesos.v1.maintenance.rs");
        }
        /// Package mesos.v1.allocator.
        pub mod allocator {
            include!("generated/mesos.v1.allocator.rs");
        }
    }
    /// Package mesos.internal: the agent protocol.
    pub mod internal {
        include!("generated/mesos.internal.rs");
    }
}

pub use mesos::{internal, v1};
