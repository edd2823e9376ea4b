//! Ids, resources, roles, attributes, task states and time: the words that everything else is said in.
//!
//! Nothing here does I/O, reads a clock or draws chance; nothing here knows a wire format.

pub mod attribute;
pub mod capability;
pub mod client;
pub mod detect;
pub mod duration;
pub mod exchange;
pub mod id;
pub mod quantities;
pub mod resource;
pub mod resources;
pub mod role;
pub mod size;
pub mod task;
pub mod time;
pub mod value;
mod wait_status;

pub use attribute::{Attribute, AttributeValue, InvalidAttributes, parse_attributes};
pub use capability::{AgentCapabilities, FaultDomain, FrameworkCapabilities};
pub use client::{Fate, Fault, Loss, Prospect};
pub use detect::{Machine, detect_resources};
pub use duration::{InvalidDuration, format_duration, parse_duration};
pub use exchange::{Caller, ConnectionId, Outcome, Refusal, RefusalKind, Reply, Token};
pub use id::{
    AgentId, ContainerId, ExecutorId, FrameworkId, InvalidId, OfferId, OperationId, TaskId, validate_id,
};
pub use quantities::{ResourceLimits, ResourceQuantities};
pub use resource::{
    DiskInfo, DiskSource, DiskSourceKind, InvalidResources, Label, Labels, Persistence, Reservation,
    ReservationKind, Resource, ResourceName, Volume, VolumeMode,
};
pub use resources::Resources;
pub use role::{InvalidRole, Role};
pub use size::{InvalidSize, Size};
pub use task::{Reason, Source, TaskState};
pub use time::Tick;
pub use value::{Range, Ranges, Scalar, Set, Value};
pub use wait_status::describe_wait_status;
