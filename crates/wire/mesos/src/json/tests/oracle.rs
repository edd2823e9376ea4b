//! Any message at all, compared with what a reflection library makes of the same bytes.

use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, Kind, ReflectMessage as _, Value as Reflected,
};
use std::sync::LazyLock;

use super::*;

/// The messages as prost-reflect knows them, compiled anew from the .proto files.
static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let proto = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../proto");
    let files = [
        "mesos/v1/master/master.proto",
        "mesos/v1/agent/agent.proto",
        "mesos/v1/scheduler/scheduler.proto",
        "mesos/v1/executor/executor.proto",
        "mesos/v1/allocator/allocator.proto",
        "mesos/internal/messages.proto",
    ];
    DescriptorPool::from_file_descriptor_set(protox::compile(files, [proto]).unwrap()).unwrap()
});

/// Draws from the bytes that proptest shrinks.
struct Source<'a>(std::iter::Copied<std::slice::Iter<'a, u8>>);

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        self.0.next().unwrap_or(0)
    }

    fn number(&mut self) -> u64 {
        let bits = u32::from(self.byte() % 65);
        let bytes: [u8; 8] = std::array::from_fn(|_| self.byte());
        u64::from_le_bytes(bytes).checked_shr(64 - bits).unwrap_or(0)
    }

    fn text(&mut self) -> String {
        const LETTERS: [char; 16] = [
            'a', 'B', '"', '\\', '/', '\n', '\u{0}', '\u{1f}', '\u{7f}', 'é', '\u{2028}', '😀', ' ', '{',
            ']', '.',
        ];
        (0..self.byte() % 9).map(|_| LETTERS[usize::from(self.byte() % 16)]).collect()
    }
}

fn draw_value(source: &mut Source<'_>, kind: &Kind, depth: usize) -> Reflected {
    match kind {
        Kind::Double => Reflected::F64(match source.byte() % 4 {
            0 => f64::from_bits(source.number()),
            1 => f64::from(source.byte()) / 10.0,
            _ => f64::from(source.byte()),
        }),
        Kind::Float => Reflected::F32(f32::from(source.byte()) / 8.0),
        Kind::Int32 => Reflected::I32(source.number() as i32),
        Kind::Int64 => Reflected::I64(source.number() as i64),
        Kind::Uint32 => Reflected::U32(source.number() as u32),
        Kind::Uint64 => Reflected::U64(source.number()),
        Kind::Bool => Reflected::Bool(source.byte() % 2 == 1),
        Kind::String => Reflected::String(source.text()),
        Kind::Bytes => Reflected::Bytes((0..source.byte() % 20).map(|_| source.byte()).collect()),
        Kind::Enum(values) => {
            let values: Vec<_> = values.values().collect();
            Reflected::EnumNumber(values[usize::from(source.byte()) % values.len()].number())
        }
        Kind::Message(descriptor) => Reflected::Message(draw_message(source, descriptor, depth + 1)),
        other => panic!("no message of ours has {other:?}"),
    }
}

fn draw_message(
    source: &mut Source<'_>,
    descriptor: &prost_reflect::MessageDescriptor,
    depth: usize,
) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        let required = field.cardinality() == Cardinality::Required;
        if !required && (depth > 6 || source.byte() % 3 != 1) {
            continue;
        }
        let value = if field.is_map() {
            let entry = field.kind();
            let kind = entry.as_message().unwrap().map_entry_value_field().kind();
            let entries = 1 + source.byte() % 2;
            let mut draw =
                || (prost_reflect::MapKey::String(source.text()), draw_value(source, &kind, depth));
            Reflected::Map((0..entries).map(|_| draw()).collect())
        } else if field.is_list() {
            let elements = 1 + source.byte() % 3;
            Reflected::List((0..elements).map(|_| draw_value(source, &field.kind(), depth)).collect())
        } else {
            draw_value(source, &field.kind(), depth)
        };
        message.set_field(&field, value);
    }
    message
}

/// The dialect, spelled out a second time over reflection and a tree of values.
fn expected_message(message: &DynamicMessage) -> Value {
    let descriptor = message.descriptor();
    let mut object = serde_json::Map::new();
    for field in descriptor.fields() {
        let proto = field.field_descriptor_proto();
        let deprecated = proto.options.as_ref().is_some_and(|options| options.deprecated());
        let written = message.has_field(&field) || (proto.default_value.is_some() && !deprecated);
        if written {
            object.insert(field.name().to_owned(), expected_value(&message.get_field(&field), &field.kind()));
        } else if table_field(&descriptor, field.name()).written_empty {
            object.insert(field.name().to_owned(), Value::Array(Vec::new()));
        }
    }
    Value::Object(object)
}

fn table_field(
    descriptor: &prost_reflect::MessageDescriptor,
    name: &str,
) -> &'static tepui_wire_protobuf::FieldDescriptor {
    message(descriptor.full_name()).field(name).unwrap()
}

fn expected_value(value: &Reflected, kind: &Kind) -> Value {
    use base64::Engine as _;
    match value {
        Reflected::Bool(value) => (*value).into(),
        Reflected::I32(value) => (*value).into(),
        Reflected::I64(value) => (*value).into(),
        Reflected::U32(value) => (*value).into(),
        Reflected::U64(value) => (*value).into(),
        Reflected::F32(value) => f64::from(*value).into(),
        Reflected::F64(value) if value.is_nan() => "NaN".into(),
        Reflected::F64(value) if value.is_infinite() => {
            if *value > 0.0 { "Infinity" } else { "-Infinity" }.into()
        }
        Reflected::F64(value) => (*value).into(),
        Reflected::String(value) => value.as_str().into(),
        Reflected::Bytes(value) => base64::engine::general_purpose::STANDARD.encode(value).into(),
        Reflected::EnumNumber(number) => kind.as_enum().unwrap().get_value(*number).unwrap().name().into(),
        Reflected::Message(message) => expected_message(message),
        Reflected::List(values) => values.iter().map(|value| expected_value(value, kind)).collect(),
        Reflected::Map(entries) => {
            let kind = kind.as_message().unwrap().map_entry_value_field().kind();
            let entry = |(key, value): (&prost_reflect::MapKey, &Reflected)| {
                (key.as_str().unwrap().to_owned(), expected_value(value, &kind))
            };
            Value::Object(entries.iter().map(entry).collect())
        }
    }
}

/// Any message: its table and one of its kind.
fn any_message() -> impl Strategy<Value = (&'static MessageDescriptor, DynamicMessage)> {
    (0..MESSAGES.len(), prop::collection::vec(any::<u8>(), 0..600)).prop_map(|(index, bytes)| {
        let table = MESSAGES[index];
        let descriptor = POOL.get_message_by_name(table.name).unwrap();
        (table, draw_message(&mut Source(bytes.iter().copied()), &descriptor, 0))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_message_is_written_as_the_oracle_has_it_and_read_back((table, message) in any_message()) {
        let bytes = message.encode_to_vec();
        let mut json = Vec::new();
        write(&bytes, table, &mut json).unwrap();
        let json = String::from_utf8(json).unwrap();
        prop_assert!(!json.contains('\n'));
        let parsed: Value = json.parse().unwrap();
        prop_assert_eq!(&parsed, &expected_message(&message), "{}", table.name);

        // Reading sets what was unset but has a default; then nothing changes any more.
        let back = to_protobuf(json.as_bytes(), table).unwrap();
        let mut again = Vec::new();
        write(&back, table, &mut again).unwrap();
        prop_assert_eq!(String::from_utf8(again).unwrap(), json);
        let back = DynamicMessage::decode(message.descriptor(), back).unwrap();
        for field in message.descriptor().fields() {
            if message.has_field(&field) && !matches!(field.kind(), Kind::Message(_) | Kind::Double) {
                prop_assert_eq!(message.get_field(&field), back.get_field(&field));
            }
        }
        prop_assert_eq!(tepui_wire_protobuf::check(&bytes, table), Ok(()));
    }

    #[test]
    fn a_message_with_something_cut_out_is_refused_or_read(
        (table, message) in any_message(),
        at in any::<prop::sample::Index>(),
        cut in 1_usize..20,
    ) {
        let mut bytes = message.encode_to_vec();
        if !bytes.is_empty() {
            let start = at.index(bytes.len());
            bytes.drain(start..(start + cut).min(bytes.len()));
        }
        if tepui_wire_protobuf::check(&bytes, table).is_ok() {
            let mut out = Vec::new();
            if write(&bytes, table, &mut out).is_ok() {
                prop_assert!(serde_json::from_slice::<Value>(&out).is_ok());
            }
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(index in 0..MESSAGES.len(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let table = MESSAGES[index];
        let _ = tepui_wire_protobuf::check(&bytes, table);
        let _ = to_protobuf(&bytes, table);
        let mut out = b"kept".to_vec();
        if write(&bytes, table, &mut out).is_err() {
            prop_assert_eq!(out, b"kept");
        }
    }

    #[test]
    fn mangled_json_does_no_harm(
        (table, message) in any_message(),
        at in any::<prop::sample::Index>(),
        with in prop_oneof!["[\\[\\]{}\",:0-9ntf\\\\ -]{0,5}", ".{0,5}"],
    ) {
        let mut json = Vec::new();
        write(&message.encode_to_vec(), table, &mut json).unwrap();
        let start = at.index(json.len());
        json.splice(start..(start + 1).min(json.len()), with.bytes());
        let ours = to_protobuf(&json, table);
        // Mesos's syntax is wider than the standard's, never narrower.
        if matches!(ours, Err(DecodeError::Syntax(_))) {
            prop_assert!(serde_json::from_slice::<Value>(&json).is_err());
        }
    }
}
