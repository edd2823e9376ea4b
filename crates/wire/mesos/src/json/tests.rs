use serde_json::Value;

use super::*;
use crate::{DecodeError, MESSAGES, v1};
use tepui_wire_protobuf::{Described, MessageDescriptor};

mod errors;
mod oracle;

/// What a master and an agent sent, one a line: the message's full name, and its JSON.
const RESPONSES: &str = include_str!("../../testdata/responses.tsv");
/// What clients sent to them.
const REQUESTS: &str = include_str!("../../testdata/requests.tsv");

fn message(name: &str) -> &'static MessageDescriptor {
    MESSAGES.iter().find(|message| message.name == name).unwrap()
}

fn rows(table: &'static str) -> impl Iterator<Item = (&'static MessageDescriptor, &'static str)> {
    table.lines().filter_map(|line| line.split_once('\t')).map(|(name, json)| (message(name), json))
}

/// Reads and writes again.
fn again(json: &str, descriptor: &'static MessageDescriptor) -> String {
    let bytes = to_protobuf(json.as_bytes(), descriptor).unwrap_or_else(|error| panic!("{error}: {json}"));
    let mut out = Vec::new();
    write(&bytes, descriptor, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn what_mesos_writes_is_written_again_to_the_letter() {
    let mut count = 0;
    for (descriptor, json) in rows(RESPONSES) {
        assert_eq!(again(json, descriptor), json);
        count += 1;
    }
    assert!(count > 90);
}

/// Whether everything in `part` is in `whole`, numbers compared as numbers.
fn assert_within(part: &Value, whole: &Value, path: &str) {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            for (key, value) in part {
                let path = format!("{path}.{key}");
                if matches!(value, Value::Array(list) if list.is_empty()) {
                    continue;
                }
                assert_within(value, whole.get(key).unwrap_or_else(|| panic!("{path} is gone")), &path);
            }
        }
        (Value::Array(part), Value::Array(whole)) => {
            assert_eq!(part.len(), whole.len(), "{path}");
            for (index, (part, whole)) in part.iter().zip(whole).enumerate() {
                assert_within(part, whole, &format!("{path}[{index}]"));
            }
        }
        (Value::Number(part), Value::Number(whole)) => assert_eq!(part.as_f64(), whole.as_f64(), "{path}"),
        _ => assert_eq!(part, whole, "{path}"),
    }
}

#[test]
fn what_clients_write_is_understood_whole() {
    let mut count = 0;
    for (descriptor, json) in rows(REQUESTS) {
        let Ok(bytes) = to_protobuf(json.as_bytes(), descriptor) else {
            continue;
        };
        let mut out = Vec::new();
        write(&bytes, descriptor, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        // Among the requests are deliberately wrong ones.
        if !["FOO", "\"foo\"", "UNKNOWN_", "BOGUS", "nanoseconds\": 1000000000}}}"]
            .iter()
            .any(|odd| json.contains(odd))
        {
            assert_within(&json.parse().unwrap(), &out.parse().unwrap(), descriptor.name);
        }
        assert_eq!(again(&out, descriptor), out);
        count += 1;
    }
    assert!(count > 100);
}

#[test]
fn a_struct_and_its_bytes_are_written_alike() {
    let task = v1::TaskStatus {
        task_id: v1::TaskId { value: "t\"1\\\n\u{1}é".to_owned() },
        state: v1::TaskState::TaskRunning.into(),
        uuid: Some(vec![0xfb, 0xff, 0].into()),
        timestamp: Some(1_795_282_269.114_494_4),
        ..Default::default()
    };
    let expected = r#"{"task_id":{"value":"t\"1\\\n\u0001é"},"state":"TASK_RUNNING","timestamp":1795282269.1144944,"uuid":"+/8A"}"#;
    assert_eq!(to_string(&task), expected);
    assert_eq!(from_slice::<v1::TaskStatus>(expected.as_bytes()).unwrap(), task);
    let mut out = b"before ".to_vec();
    write(&tepui_wire_protobuf::to_bytes(&task), v1::TaskStatus::DESCRIPTOR, &mut out).unwrap();
    assert_eq!(out, format!("before {expected}").into_bytes());
}

#[test]
fn unset_defaults_are_written_unless_deprecated() {
    let framework = v1::FrameworkInfo { user: "u".to_owned(), name: "n".to_owned(), ..Default::default() };
    assert_eq!(to_string(&framework), r#"{"user":"u","name":"n","failover_timeout":0.0,"checkpoint":false}"#);
    assert_eq!(to_string(&v1::CommandInfo::default()), r#"{"shell":true}"#);
    let check = to_string(&v1::CheckInfo::default());
    assert_eq!(check, r#"{"delay_seconds":15.0,"interval_seconds":10.0,"timeout_seconds":20.0}"#);
}

#[test]
fn doubles_are_printed_as_mesos_prints_them() {
    let cases = [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (8.0, "8.0"),
        (0.1, "0.1"),
        (-2.5, "-2.5"),
        (1e15, "1000000000000000.0"),
        (1e16, "10000000000000000.0"),
        (1.5e17, "150000000000000000.0"),
        (1.234_567_890_123_456_7e18, "1234567890123456800.0"),
        (-1e20, "-100000000000000000000.0"),
        (1e21, "1e21"),
        (1.25e30, "1.25e30"),
        (0.000_01, "0.00001"),
        (0.000_001_5, "0.0000015"),
        (1e-7, "1e-7"),
        (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        (f64::INFINITY, "\"Infinity\""),
        (f64::NEG_INFINITY, "\"-Infinity\""),
        (f64::NAN, "\"NaN\""),
    ];
    for (value, text) in cases {
        let json = to_string(&v1::value::Scalar { value });
        assert_eq!(json, format!(r#"{{"value":{text}}}"#));
        let read: v1::value::Scalar = from_slice(json.as_bytes()).unwrap();
        assert_eq!(read.value.to_bits(), value.to_bits(), "{text}");
    }
}

#[test]
fn lists_that_mesos_writes_by_hand_are_there_when_empty() {
    use v1::master::{Response, response};
    let response = Response {
        r#type: Some(response::Type::GetTasks.into()),
        get_tasks: Some(response::GetTasks::default()),
        ..Default::default()
    };
    let expected =
        r#"{"type":"GET_TASKS","get_tasks":{"tasks":[],"unreachable_tasks":[],"completed_tasks":[]}}"#;
    assert_eq!(to_string(&response), expected);
    let roles = Response { get_roles: Some(response::GetRoles::default()), ..Default::default() };
    assert_eq!(to_string(&roles), r#"{"get_roles":{}}"#);
}

/// Reads `json` as a `T` and writes it.
fn read<T: Described>(json: &str) -> Result<String, DecodeError> {
    from_slice::<T>(json.as_bytes()).map(|message| to_string(&message))
}

#[test]
fn table_of_lenient_reading() {
    // What is read as ResourceStatistics (and the like), what is written.
    let statistics = [
        (r#"{"timestamp":"1.5"}"#, r#"{"timestamp":1.5}"#),
        (
            r#"{"timestamp":1,"mem_limit_bytes":"18446744073709551615"}"#,
            r#"{"timestamp":1.0,"mem_limit_bytes":18446744073709551615}"#,
        ),
        (r#"{"timestamp":1e3,"processes":7.9}"#, r#"{"timestamp":1000.0,"processes":7}"#),
        (r#"{"timestamp":1,"processes":-1}"#, r#"{"timestamp":1.0,"processes":4294967295}"#),
        (r#"{"timestamp":01.5,"mem_limit_bytes":null}"#, r#"{"timestamp":1.5}"#),
        (r#"{"timestamp":1,"unknown":{"a":[1,{"b":"}]"}]}}"#, r#"{"timestamp":1.0}"#),
        (r#"{"timestamp":1,"timestamp":2}"#, r#"{"timestamp":2.0}"#),
        ("\t{ \"timestamp\" :\r\n 1 } \n", r#"{"timestamp":1.0}"#),
        (r#"{"time\u0073tamp":1}"#, r#"{"timestamp":1.0}"#),
    ];
    for (json, expected) in statistics {
        assert_eq!(read::<v1::ResourceStatistics>(json).as_deref(), Ok(expected), "{json}");
    }
    let framework = [
        (r#""checkpoint":"true""#, r#""checkpoint":true"#),
        (r#""roles":"a""#, r#""roles":["a"],"checkpoint":false"#),
        (r#""roles":["a",["b",null]]"#, r#""roles":["a","b"],"checkpoint":false"#),
        (
            r#""capabilities":[{"type":"FROM_THE_FUTURE"},{"type":"MULTI_ROLE"}]"#,
            r#""checkpoint":false,"capabilities":[{},{"type":"MULTI_ROLE"}]"#,
        ),
        (
            r#""labels":{"labels":[{"key":"a"}]},"labels":{"labels":[{"key":"b"}]}"#,
            r#""checkpoint":false,"labels":{"labels":[{"key":"b"}]}"#,
        ),
        (
            r#""offer_filters":{"r":{"min_allocatable_resources":{}}}"#,
            r#""checkpoint":false,"offer_filters":{"r":{"min_allocatable_resources":{}}}"#,
        ),
        (r#""hostname":"\ud83d\ude00\/""#, "\"checkpoint\":false,\"hostname\":\"\u{1f600}/\""),
    ];
    for (json, expected) in framework {
        let read = read::<v1::FrameworkInfo>(&format!(r#"{{"user":"u","name":"n",{json}}}"#)).unwrap();
        let mut expected: Value =
            format!(r#"{{"user":"u","name":"n","failover_timeout":0.0,{expected}}}"#).parse().unwrap();
        expected.sort_all_objects();
        let mut read: Value = read.parse().unwrap();
        read.sort_all_objects();
        assert_eq!(read, expected, "{json}");
    }
    let drain = |duration: &str| {
        let json = format!(r#"{{"agent_id":{{"value":"a"}},"max_grace_period":{duration}}}"#);
        from_slice::<v1::master::call::DrainAgent>(json.as_bytes()).map(|drain| drain.max_grace_period)
    };
    let period = |seconds, nanos| Ok(Some(prost_types::Duration { seconds, nanos }));
    assert_eq!(drain(r#"{"seconds":300}"#), period(300, 0));
    assert_eq!(drain(r#""300s""#), period(300, 0));
    assert_eq!(drain(r#""-1.5s""#), period(-1, -500_000_000));
    assert!(drain(r#""5 minutes""#).is_err());
}

#[test]
fn enums_are_read_by_name_only() {
    let status =
        |state: &str| read::<v1::TaskStatus>(&format!(r#"{{"task_id":{{"value":"t"}},"state":{state}}}"#));
    assert!(status(r#""TASK_LOST""#).is_ok());
    let reason = |json: &str| status(json).unwrap_err().reason().to_owned();
    assert_eq!(reason("1"), "Not expecting a JSON number for field 'state'");
    assert_eq!(reason(r#""TASK_FROM_THE_FUTURE""#), "Failed to find enum for 'TASK_FROM_THE_FUTURE'");
    assert_eq!(reason("null"), "Missing required fields: state");
}

#[test]
fn values_that_have_no_name_are_as_if_they_were_not_there() {
    let mut status = v1::TaskStatus { task_id: v1::TaskId { value: "t".to_owned() }, ..Default::default() };
    status.state = v1::TaskState::TaskRunning.into();
    status.reason = Some(12_345);
    assert_eq!(to_string(&status), r#"{"task_id":{"value":"t"},"state":"TASK_RUNNING"}"#);
    status.state = 12_345;
    let error = tepui_wire_protobuf::from_bytes::<v1::TaskStatus>(tepui_wire_protobuf::to_bytes(&status))
        .unwrap_err();
    assert_eq!(error.reason, "Missing required fields: state");
}

#[test]
fn bytes_that_prost_never_writes_are_shown_all_the_same() {
    let show = |bytes: &[u8], name: &str| {
        let mut out = Vec::new();
        write(bytes, message(name), &mut out).map(|()| String::from_utf8(out).unwrap())
    };
    // A singular message in two pieces, and a scalar twice.
    let pieces = [0x0a, 0, 0x0a, 3, 0x0a, 1, b'x', 0x10, 6, 0x10, 1];
    assert_eq!(
        show(&pieces, "mesos.v1.TaskStatus").unwrap(),
        r#"{"task_id":{"value":"x"},"state":"TASK_RUNNING"}"#
    );
    // Packed numbers, a group, a field of another type.
    let packed = [0x22, 3, 200, 1, 7, 0x2b, 0x08, 1, 0x2c, 0x0d, 1, 2, 3, 4, 0x08, 80];
    assert_eq!(
        show(&packed, "mesos.v1.HealthCheck.HTTPCheckInfo").unwrap(),
        r#"{"protocol":"IPv4","port":80,"statuses":[200,7]}"#
    );
    for broken in [&[0x0a, 5][..], &[0x0b], &[0x07], &[0x00], &[0xff; 11], &[0x0a, 1, 0xff]] {
        assert!(show(broken, "mesos.v1.TaskID").is_err(), "{broken:?}");
    }
}

#[test]
fn numbers_are_short_and_exact() {
    for (value, text) in [
        (0.0, "0.0"),
        (8.0, "8.0"),
        (-1.0, "-1.0"),
        (0.1, "0.1"),
        (0.032, "0.032"),
        (13.28896, "13.28896"),
        (0.000_05, "0.00005"),
        (0.000_001, "0.000001"),
        (0.000_000_123, "1.23e-7"),
        (1_795_282_172.394_842, "1795282172.394842"),
        (25_325_268_992.0, "25325268992.0"),
        (4.830_078_125, "4.830078125"),
        (1e20, "100000000000000000000.0"),
        (1e21, "1e21"),
        (-1.5e300, "-1.5e300"),
        (f64::NAN, "null"),
    ] {
        let printed = number(value, str::to_owned);
        if value.is_finite() {
            assert_eq!(printed.parse::<f64>().unwrap(), value, "{printed}");
        }
        assert_eq!(printed, text);
    }
}
