//! The required fields of our messages, which their types do not enforce.

#![allow(clippy::unwrap_used, reason = "a failing test says why")]

use bytes::Bytes;
use prost::Message as _;
use tepui_wire_mesos::{DecodeError, internal, v1};
use tepui_wire_protobuf::{Described as _, check, from_bytes, to_bytes};

#[test]
fn required_fields_are_enforced_with_their_paths() {
    let call = v1::scheduler::Call::default();
    assert!(from_bytes::<v1::scheduler::Call>(to_bytes(&call)).is_ok(), "a call has no required field");
    let error = from_bytes::<internal::RunTaskMessage>(Bytes::new()).unwrap_err();
    assert_eq!(error.reason, "Missing required fields: framework, task");
    // A framework without anything.
    let error = check(&[0x12, 0], internal::RunTaskMessage::DESCRIPTOR).unwrap_err();
    assert_eq!(error.reason, "Missing required fields: task, framework.user, framework.name");
}

#[test]
fn paths_of_lists_and_maps_have_an_index() {
    // limits { key "a" value {} }, written by hand: prost would always write the value's field.
    let quota = [0x0a, 1, b'r', 0x1a, 5, 0x0a, 1, b'a', 0x12, 0];
    let error = check(&quota, v1::quota::QuotaConfig::DESCRIPTOR).unwrap_err();
    assert_eq!(error.reason, "Missing required fields: limits[0].value.value");
    let ids = [0x0a, 3, 0x0a, 1, b'x', 0x0a, 0];
    let error = check(&ids, v1::scheduler::call::Decline::DESCRIPTOR).unwrap_err();
    assert_eq!(error.reason, "Missing required fields: offer_ids[1].value");
}

#[test]
fn what_prost_takes_for_complete_is_not() {
    assert!(v1::TaskId::decode(&[][..]).is_ok(), "prost does not check, or this crate need not");
    assert!(from_bytes::<v1::TaskId>(Bytes::new()).is_err());
}

#[test]
fn broken_bytes_say_why() {
    let error = from_bytes::<v1::TaskId>(Bytes::from_static(&[0x0a, 200])).unwrap_err();
    assert_eq!(error.reason, "the message ends in the middle of a field");
    assert_eq!(DecodeError::from(error).to_string(), "Failed to parse body into TaskID protobuf");
}
