//! From protobuf bytes to JSON.
//!
//! The fields stand in the bytes in the order of their numbers, in JSON in the order of declaration. So one pass
//! over the bytes notes where each field is, and then they are written from the table. Nothing is allocated.

mod scalar;

use tepui_wire_protobuf::{
    Described, FieldDescriptor, Kind, Label, MessageDescriptor,
    scan::{Field, Fields, MAX_DEPTH, Malformed, Wire, as_i32},
};

pub use scalar::number;

use crate::DecodeError;

/// A message as JSON on one line.
pub fn to_string<M: Described>(message: &M) -> String {
    // What is written is UTF-8: names are ASCII, texts are checked.
    String::from_utf8(to_vec(message)).unwrap_or_default()
}

/// A message as JSON on one line, in bytes.
pub fn to_vec<M: Described>(message: &M) -> Vec<u8> {
    let bytes = message.encode_to_vec();
    let mut out = Vec::with_capacity(bytes.len().saturating_mul(3) + 64);
    // What prost encodes is well-formed. Only nesting deeper than any peer could read is refused.
    if write(&bytes, M::DESCRIPTOR, &mut out).is_err() {
        out.extend_from_slice(b"{}");
    }
    out
}

/// Appends the JSON of a message given as protobuf bytes, so that kept bytes are shown without decoding them.
///
/// # Errors
/// [`DecodeError::Protobuf`] when the bytes are not such a message; then `out` is as it was.
pub fn write(
    bytes: &[u8],
    descriptor: &'static MessageDescriptor,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let start = out.len();
    message(bytes, descriptor, out, 0).map_err(|malformed| {
        out.truncate(start);
        DecodeError::Protobuf { message: descriptor.short_name(), reason: malformed.to_string() }
    })
}

/// Where a field lies in the bytes of its message: from the beginning of its first occurrence to the end of its
/// last. `end` is 0 while there is none.
#[derive(Clone, Copy, Default)]
struct Place {
    first: usize,
    last: usize,
    end: usize,
}

fn message(
    bytes: &[u8],
    descriptor: &MessageDescriptor,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed::Depth);
    }
    // Most messages are small: they need not pay for the few with fifty fields.
    match descriptor.fields.len() {
        0..=4 => sized_message::<4>(bytes, descriptor, out, depth),
        5..=16 => sized_message::<16>(bytes, descriptor, out, depth),
        _ => sized_message::<64>(bytes, descriptor, out, depth),
    }
}

fn sized_message<const N: usize>(
    bytes: &[u8],
    descriptor: &MessageDescriptor,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Malformed> {
    let places = find::<N>(bytes, descriptor)?;
    out.push(b'{');
    for (field, place) in descriptor.fields.iter().zip(&places) {
        if place.end == 0 {
            absent(field, out);
            continue;
        }
        let before = out.len();
        key(field, out);
        let occurrences = bytes.get(place.first..place.end).unwrap_or_default();
        match field.label {
            Label::Repeated => {
                if !list(occurrences, field, out, depth)? && !field.written_empty {
                    out.truncate(before);
                }
            }
            Label::Map => map(occurrences, field, out, depth)?,
            Label::Required | Label::Optional => {
                if place.first != place.last && matches!(field.kind, Kind::Message(_)) {
                    merged(occurrences, field, out, depth)?;
                } else {
                    let last = bytes.get(place.last..place.end).unwrap_or_default();
                    if let Some(found) = Fields::new(last).next()? {
                        value(found.value, field.kind, out, depth)?;
                    }
                }
            }
        }
    }
    out.push(b'}');
    Ok(())
}

/// Notes where each field of the table lies.
fn find<const N: usize>(bytes: &[u8], descriptor: &MessageDescriptor) -> Result<[Place; N], Malformed> {
    let mut places = [Place::default(); N];
    let mut fields = Fields::new(bytes);
    loop {
        let first = fields.position();
        let Some(found) = fields.next()? else {
            return Ok(places);
        };
        let Some(index) = descriptor.index_of_number(found.number) else {
            continue;
        };
        let Some(field) = descriptor.fields.get(index) else {
            continue;
        };
        // A field of another type than the table's, and an enum's value without a name, are unknown fields.
        if !fits(found.value, field) {
            continue;
        }
        if let Some(oneof) = field.oneof {
            forget_others(&mut places, descriptor, oneof, index);
        }
        if let Some(place) = places.get_mut(index) {
            if place.end == 0 {
                place.first = first;
            }
            place.last = first;
            place.end = fields.position();
        }
    }
}

/// Of a oneof only the member that came last is there.
fn forget_others(places: &mut [Place], descriptor: &MessageDescriptor, oneof: &str, index: usize) {
    for (other, (place, field)) in places.iter_mut().zip(descriptor.fields).enumerate() {
        if other != index && field.oneof == Some(oneof) {
            *place = Place::default();
        }
    }
}

fn fits(value: Wire<'_>, field: &FieldDescriptor) -> bool {
    match (value, field.kind) {
        (Wire::Bytes(_), _) if field.label.is_repeated() => true,
        (Wire::Varint(number), Kind::Enum(values)) => values.name_of(as_i32(number)).is_some(),
        (Wire::Varint(_), Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64)
        | (Wire::Fixed64(_), Kind::Double)
        | (Wire::Fixed32(_), Kind::Float)
        | (Wire::Bytes(_), Kind::String | Kind::Bytes | Kind::Message(_)) => true,
        _ => false,
    }
}

fn key(field: &FieldDescriptor, out: &mut Vec<u8>) {
    comma(out);
    out.extend_from_slice(field.key.as_bytes());
}

/// A comma, unless this is the first: no value ends with an opening bracket, for texts end with a quotation mark.
fn comma(out: &mut Vec<u8>) {
    if !matches!(out.last(), Some(b'{' | b'[')) {
        out.push(b',');
    }
}

/// What a field shows that is not there: its default, unless that is deprecated.
fn absent(field: &FieldDescriptor, out: &mut Vec<u8>) {
    if field.written_empty {
        key(field, out);
        out.extend_from_slice(b"[]");
    } else if let Some(default) = field.default
        && !field.deprecated
    {
        key(field, out);
        out.extend_from_slice(default.as_bytes());
    }
}

/// Writes a list; says whether it has any element.
fn list(
    occurrences: &[u8],
    field: &FieldDescriptor,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<bool, Malformed> {
    let start = out.len();
    out.push(b'[');
    let mut fields = Fields::new(occurrences);
    while let Some(Field { number, value: found }) = fields.next()? {
        if number != field.number {
            continue;
        }
        match (found, field.kind) {
            (Wire::Bytes(packed), kind) if !matches!(kind, Kind::String | Kind::Bytes | Kind::Message(_)) => {
                let mut elements = Fields::new(packed);
                while !elements.is_at_end() {
                    let element = match kind {
                        Kind::Double => Wire::Fixed64(u64::from_le_bytes(elements.array()?)),
                        Kind::Float => Wire::Fixed32(u32::from_le_bytes(elements.array()?)),
                        _ => Wire::Varint(elements.varint()?),
                    };
                    if fits(element, field) {
                        comma(out);
                        value(element, kind, out, depth)?;
                    }
                }
            }
            (found, kind) if fits(found, field) => {
                comma(out);
                value(found, kind, out, depth)?;
            }
            _ => {}
        }
    }
    out.push(b']');
    Ok(out.len() > start + 2)
}

/// Writes a map as an object, in the order of the bytes.
fn map(
    occurrences: &[u8],
    field: &FieldDescriptor,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Malformed> {
    out.push(b'{');
    let mut fields = Fields::new(occurrences);
    while let Some(Field { number, value: found }) = fields.next()? {
        let Wire::Bytes(entry) = found else {
            continue;
        };
        if number != field.number {
            continue;
        }
        let (mut name, mut held): (&[u8], &[u8]) = (b"", b"");
        let mut parts = Fields::new(entry);
        while let Some(part) = parts.next()? {
            match (part.number, part.value) {
                (1, Wire::Bytes(bytes)) => name = bytes,
                (2, Wire::Bytes(bytes)) => held = bytes,
                _ => {}
            }
        }
        comma(out);
        scalar::text(name, out)?;
        out.push(b':');
        value(Wire::Bytes(held), field.kind, out, depth)?;
    }
    out.push(b'}');
    Ok(())
}

/// A message in several pieces is all of them together. Nobody sends such a thing but whoever means to.
#[cold]
fn merged(
    occurrences: &[u8],
    field: &FieldDescriptor,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Malformed> {
    let mut whole = Vec::new();
    let mut fields = Fields::new(occurrences);
    while let Some(found) = fields.next()? {
        if let Wire::Bytes(piece) = found.value
            && found.number == field.number
        {
            whole.extend_from_slice(piece);
        }
    }
    value(Wire::Bytes(&whole), field.kind, out, depth)
}

fn value(value: Wire<'_>, kind: Kind, out: &mut Vec<u8>, depth: usize) -> Result<(), Malformed> {
    match (value, kind) {
        (Wire::Bytes(bytes), Kind::Message(descriptor)) => message(bytes, descriptor, out, depth + 1)?,
        (Wire::Bytes(bytes), Kind::String) => scalar::text(bytes, out)?,
        (Wire::Bytes(bytes), Kind::Bytes) => scalar::base64(bytes, out),
        (Wire::Fixed64(bits), Kind::Double) => scalar::double(f64::from_bits(bits), out),
        (Wire::Fixed32(bits), Kind::Float) => scalar::double(f64::from(f32::from_bits(bits)), out),
        (Wire::Varint(number), kind) => scalar::integer(number, kind, out),
        // `find` lets nothing else through.
        _ => out.extend_from_slice(b"null"),
    }
    Ok(())
}
