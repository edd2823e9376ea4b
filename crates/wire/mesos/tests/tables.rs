//! The tables that the codec reads, compared row by row with the lists of Mesos's names, numbers and types.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

use std::collections::BTreeSet;

use tepui_wire_mesos::{ENUMS, MESSAGES};
use tepui_wire_protobuf::{FieldDescriptor, Kind, Label};

/// kind, scope, name, number, type, notes.
type Row = [String; 6];

const V1: &str = include_str!("../../../../proto/mesos_v1.tsv");
const V0: &str = include_str!("../../../../proto/mesos_v0.tsv");

/// Left out: they wrap the API of resource providers, which nobody here speaks, and would pull in all of it.
const LEFT_OUT: [&str; 2] =
    ["mesos.internal.ResourceProviderCallMessage", "mesos.internal.ResourceProviderEventMessage"];

/// Ours alone: Mesos reserves the number in v1, yet its masters send what the agent protocol has there.
const ADDED: [&str; 6] = ["field", "mesos.v1.AgentInfo", "checkpoint", "7", "optional bool", ""];

fn rows(list: &str) -> impl Iterator<Item = Row> {
    list.lines().skip(1).map(|line| {
        let mut cells = line.split('\t').map(str::to_owned);
        std::array::from_fn(|_| cells.next().unwrap_or_default())
    })
}

fn row(kind: &str, scope: &str, name: &str, number: &dyn ToString, of: String, notes: String) -> Row {
    [kind.to_owned(), scope.to_owned(), name.to_owned(), number.to_string(), of, notes]
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Double => "double",
        Kind::Float => "float",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Uint32 => "uint32",
        Kind::Uint64 => "uint64",
        Kind::Bool => "bool",
        Kind::String => "string",
        Kind::Bytes => "bytes",
        Kind::Enum(of) => of.name,
        Kind::Message(of) => of.name,
    }
}

fn notes(field: &FieldDescriptor) -> String {
    let mut notes = Vec::new();
    if let Some(default) = field.default {
        // The lists have 15 where JSON has 15.0, and no quotation marks.
        let default = default.trim_matches('"');
        notes.push(format!("default={}", default.strip_suffix(".0").unwrap_or(default)));
    }
    if field.deprecated {
        notes.push("deprecated".to_owned());
    }
    if let Some(oneof) = field.oneof {
        notes.push(format!("oneof={oneof}"));
    }
    notes.join(" ")
}

/// The rows of what is in our tables, messages in the order of names, fields in the order of declaration.
fn ours(prefix: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for message in MESSAGES.iter().filter(|message| message.name.starts_with(prefix)) {
        rows.push(row("message", message.name, "", &"", String::new(), String::new()));
        for field in message.fields {
            let kind = kind_name(field.kind);
            let of = match field.label {
                Label::Required => format!("required {kind}"),
                Label::Optional => format!("optional {kind}"),
                Label::Repeated => format!("repeated {kind}"),
                Label::Map => format!("map map<string,{kind}>"),
            };
            rows.push(row("field", message.name, field.name, &field.number, of, notes(field)));
        }
    }
    for listed in ENUMS.iter().filter(|listed| listed.name.starts_with(prefix)) {
        rows.push(row("enum", listed.name, "", &"", String::new(), String::new()));
        for (name, number) in listed.values {
            rows.push(row("value", listed.name, name, number, String::new(), String::new()));
        }
    }
    rows
}

/// Rows that are in one and not in the other, and fields in another order.
fn compare(mut listed: Vec<Row>, mut ours: Vec<Row>) {
    let (all_listed, all_ours): (BTreeSet<_>, BTreeSet<_>) = (listed.iter().collect(), ours.iter().collect());
    assert_eq!(
        all_listed.difference(&all_ours).collect::<Vec<_>>(),
        Vec::<&&Row>::new(),
        "listed and not in proto/"
    );
    assert_eq!(
        all_ours.difference(&all_listed).collect::<Vec<_>>(),
        Vec::<&&Row>::new(),
        "in proto/ and not listed"
    );
    // Sorting keeps the order within a message.
    for rows in [&mut listed, &mut ours] {
        rows.sort_by(|a, b| (&a[0], &a[1]).cmp(&(&b[0], &b[1])));
    }
    assert_eq!(listed, ours, "the order of declaration");
}

#[test]
fn v1_is_as_listed() {
    let listed: Vec<Row> = rows(V1).collect();
    assert!(listed.len() > 1_900);
    let mut ours = ours("mesos.v1.");
    let before = ours.len();
    ours.retain(|row| *row != ADDED);
    assert_eq!(ours.len() + 1, before);
    compare(listed, ours);
}

/// A v0 name as ours: the v1 twin, but for the package of the agent protocol and what v1 dropped a field of.
fn twin(name: &str) -> String {
    if name == "mesos.SlaveInfo" {
        return "mesos.internal.SlaveInfo".to_owned();
    }
    match name.strip_prefix("mesos.") {
        Some(rest) if !rest.starts_with("internal.") => {
            format!("mesos.v1.{}", rest.replace("Slave", "Agent"))
        }
        _ => name.to_owned(),
    }
}

#[test]
fn the_agent_protocol_is_as_listed() {
    let is_part = |scope: &str| {
        (scope.starts_with("mesos.internal.") || scope == "mesos.SlaveInfo") && !LEFT_OUT.contains(&scope)
    };
    let listed: Vec<Row> = rows(V0)
        .filter(|row| is_part(&row[1]))
        .map(|[kind, scope, name, number, of, notes]| {
            let of = of.split(' ').map(twin).collect::<Vec<_>>().join(" ");
            [kind, twin(&scope), name, number, of, notes]
        })
        .collect();
    assert!(listed.len() > 200);
    compare(listed, ours("mesos.internal."));
}

#[test]
fn indices_of_the_tables_are_sorted() {
    for message in MESSAGES {
        let numbers: Vec<u32> =
            message.by_number.iter().map(|i| message.fields[usize::from(*i)].number).collect();
        assert!(numbers.is_sorted() && numbers.len() == message.fields.len(), "{}", message.name);
        let names: Vec<&str> = message.by_name.iter().map(|i| message.fields[usize::from(*i)].name).collect();
        assert!(names.is_sorted() && names.len() == message.fields.len(), "{}", message.name);
        for (index, field) in message.fields.iter().enumerate() {
            assert_eq!(message.index_of_number(field.number), Some(index));
            assert_eq!(message.index_of_name(field.name), Some(index));
            assert_eq!(field.key, format!("\"{}\":", field.name));
            assert_eq!(message.required >> index & 1 == 1, field.label == Label::Required);
        }
        assert_eq!(message.index_of_number(0), None);
        assert_eq!(message.index_of_number(u32::MAX), None);
    }
    for listed in ENUMS {
        for (name, number) in listed.values {
            assert_eq!(listed.number_of(name), Some(*number));
            // Of two names for one number the first is written.
            let first = listed.values.iter().find(|(_, other)| other == number).map(|(name, _)| *name);
            assert_eq!(listed.name_of(*number), first);
        }
    }
}
