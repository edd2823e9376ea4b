//! What agents and schedulers say in the tests.

use std::net::SocketAddr;

use bytes::Bytes;
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{internal, json, v1};

pub(in crate::tests) fn pid(port: u16) -> Upid {
    Upid::new("slave(1)", SocketAddr::from(([127, 0, 0, 1], port)))
}

pub(in crate::tests) const RESOURCES: &str = r#"[
    {"name":"cpus","type":"SCALAR","scalar":{"value":8}},
    {"name":"mem","type":"SCALAR","scalar":{"value":1024}},
    {"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31000,"end":32000}]}}]"#;

pub(in crate::tests) fn slave_info(id: Option<&str>) -> internal::SlaveInfo {
    internal::SlaveInfo {
        hostname: "127.0.0.1".to_owned(),
        port: Some(5051),
        resources: json::list_from_slice(RESOURCES.as_bytes()).unwrap(),
        id: id.map(|id| v1::AgentId { value: id.to_owned() }),
        checkpoint: Some(true),
        ..internal::SlaveInfo::default()
    }
}

pub(in crate::tests) fn register() -> internal::RegisterSlaveMessage {
    internal::RegisterSlaveMessage {
        slave: slave_info(None),
        version: Some("1.11.0".to_owned()),
        agent_capabilities: capabilities(),
        resource_version_uuid: Some(v1::Uuid { value: Bytes::from_static(&[1; 16]) }),
        ..internal::RegisterSlaveMessage::default()
    }
}

fn capabilities() -> Vec<v1::agent_info::Capability> {
    (1..=8).map(|r#type| v1::agent_info::Capability { r#type: Some(r#type) }).collect()
}

/// A re-registration with these tasks of these frameworks.
pub(in crate::tests) fn reregister(
    id: &str,
    frameworks: &[&v1::FrameworkInfo],
    tasks: Vec<v1::Task>,
) -> internal::ReregisterSlaveMessage {
    internal::ReregisterSlaveMessage {
        slave: slave_info(Some(id)),
        version: Some("1.11.0".to_owned()),
        agent_capabilities: capabilities(),
        frameworks: frameworks.iter().map(|info| (*info).clone()).collect(),
        tasks,
        ..internal::ReregisterSlaveMessage::default()
    }
}

/// A framework that wants to hear what really happened, in one role.
pub(in crate::tests) const AWARE: &str = r#"{"user":"root","name":"test","roles":["role"],"failover_timeout":100.0,
    "checkpoint":true,"capabilities":[{"type":"MULTI_ROLE"},{"type":"PARTITION_AWARE"}]}"#;
/// One of the old kind.
pub(in crate::tests) const PLAIN: &str = r#"{"user":"root","name":"test","roles":["role"],"failover_timeout":100.0,
    "checkpoint":false,"capabilities":[{"type":"MULTI_ROLE"}]}"#;

/// A command task of one cpu, on the first agent.
pub(in crate::tests) fn task(id: &str) -> String {
    task_with(id, r#""command":{"value":"true"}"#)
}

pub(in crate::tests) fn task_with(id: &str, more: &str) -> String {
    format!(
        r#"{{"name":"{id}","task_id":{{"value":"{id}"}},"agent_id":{{"value":"M-S0"}},"resources":[
           {{"name":"cpus","type":"SCALAR","scalar":{{"value":1}}}},
           {{"name":"mem","type":"SCALAR","scalar":{{"value":32}}}}],{more}}}"#
    )
}

pub(in crate::tests) fn accept(framework: &str, offer: &str, tasks: &[String]) -> String {
    format!(
        r#"{{"type":"ACCEPT","framework_id":{{"value":"{framework}"}},"accept":{{"offer_ids":[{{"value":"{offer}"}}],
           "operations":[{{"type":"LAUNCH","launch":{{"task_infos":[{}]}}}}],"filters":{{"refuse_seconds":0}}}}}}"#,
        tasks.join(",")
    )
}

/// An update of a task of the first framework on the first agent.
pub(in crate::tests) fn update(
    task: &str,
    state: v1::TaskState,
    uuid: Option<u8>,
) -> internal::StatusUpdateMessage {
    let uuid = uuid.map(|last| {
        let mut bytes = [0x40; 16];
        bytes[8] = 0x80;
        bytes[15] = last;
        Bytes::copy_from_slice(&bytes)
    });
    internal::StatusUpdateMessage {
        update: internal::StatusUpdate {
            framework_id: v1::FrameworkId { value: "M-0000".to_owned() },
            slave_id: Some(v1::AgentId { value: "M-S0".to_owned() }),
            status: v1::TaskStatus {
                task_id: v1::TaskId { value: task.to_owned() },
                state: state as i32,
                source: Some(v1::task_status::Source::Executor as i32),
                ..v1::TaskStatus::default()
            },
            timestamp: 1.5,
            uuid,
            latest_state: Some(state as i32),
            ..internal::StatusUpdate::default()
        },
        pid: None,
    }
}
