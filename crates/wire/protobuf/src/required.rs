//! Reading and writing, with the check of required fields that prost does not make.

use bytes::Bytes;

use crate::{
    Described, FieldDescriptor, Kind, Label, MessageDescriptor,
    scan::{Fields, MAX_DEPTH, Malformed, Wire, as_i32},
};

/// Bytes that are not the message that they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a {message}: {reason}")]
pub struct Invalid {
    /// The message's name without its package.
    pub message: &'static str,
    /// What does not fit: `Missing required fields: a.b, c[2].d`, or what the decoder says.
    pub reason: String,
}

impl Invalid {
    fn new(descriptor: &'static MessageDescriptor, reason: impl std::fmt::Display) -> Self {
        Self { message: descriptor.short_name(), reason: reason.to_string() }
    }
}

/// Reads a message and checks its required fields.
///
/// # Errors
/// [`Invalid`] when the bytes are not such a message.
pub fn from_bytes<M: Described>(bytes: Bytes) -> Result<M, Invalid> {
    check(&bytes, M::DESCRIPTOR)?;
    M::decode(bytes).map_err(|error| Invalid::new(M::DESCRIPTOR, error))
}

/// Writes a message.
pub fn to_bytes<M: Described>(message: &M) -> Bytes {
    message.encode_to_vec().into()
}

/// Checks the required fields of a message given as bytes, without decoding it.
///
/// # Errors
/// [`Invalid`] when one is missing or the bytes are malformed.
pub fn check(bytes: &[u8], descriptor: &'static MessageDescriptor) -> Result<(), Invalid> {
    match missing(bytes, descriptor) {
        Ok(None) => Ok(()),
        Ok(Some(fields)) => Err(Invalid::new(descriptor, format_args!("Missing required fields: {fields}"))),
        Err(malformed) => Err(Invalid::new(descriptor, malformed)),
    }
}

/// The paths of the required fields that are missing, as protobuf's own check lists them:
/// `subscribe.framework_info.user, tasks[1].agent_id`. `None` when there are none.
///
/// # Errors
/// [`Malformed`]: the bytes are no message at all.
pub fn missing(bytes: &[u8], descriptor: &MessageDescriptor) -> Result<Option<String>, Malformed> {
    if is_complete(bytes, descriptor, 0)? {
        return Ok(None);
    }
    let mut list = Missing { prefix: String::new(), found: Vec::new(), size: 0 };
    list.collect(bytes, descriptor, 0)?;
    Ok(Some(list.found.join(", ")))
}

/// The messages that a field's value consists of: itself, or of a map's entry the value.
fn held<'a>(
    value: Wire<'a>,
    field: &FieldDescriptor,
) -> Result<Option<(&'a [u8], &'static MessageDescriptor)>, Malformed> {
    let (Wire::Bytes(bytes), Kind::Message(descriptor)) = (value, field.kind) else {
        return Ok(None);
    };
    if !descriptor.has_required {
        return Ok(None);
    }
    if field.label != Label::Map {
        return Ok(Some((bytes, descriptor)));
    }
    let mut value: &[u8] = &[];
    let mut parts = Fields::new(bytes);
    while let Some(part) = parts.next()? {
        if let (2, Wire::Bytes(bytes)) = (part.number, part.value) {
            value = bytes;
        }
    }
    Ok(Some((value, descriptor)))
}

/// Whether a value counts as setting the field: one without a name does not set an enum.
fn sets(value: Wire<'_>, field: &FieldDescriptor) -> bool {
    match (value, field.kind) {
        (Wire::Varint(number), Kind::Enum(values)) => values.name_of(as_i32(number)).is_some(),
        _ => true,
    }
}

/// The bit of a field in the set of those seen.
const fn bit(index: usize) -> u64 {
    1 << (index & 63)
}

/// The quick question, which nearly always is answered with yes.
fn is_complete(bytes: &[u8], descriptor: &MessageDescriptor, depth: usize) -> Result<bool, Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed::Depth);
    }
    let mut seen = 0_u64;
    let mut fields = Fields::new(bytes);
    while let Some(found) = fields.next()? {
        let Some((index, field)) = lookup(descriptor, found.number) else {
            continue;
        };
        if sets(found.value, field) {
            seen |= bit(index);
        }
        if let Some((bytes, descriptor)) = held(found.value, field)?
            && !is_complete(bytes, descriptor, depth + 1)?
        {
            return Ok(false);
        }
    }
    Ok(seen & descriptor.required == descriptor.required)
}

fn lookup(descriptor: &MessageDescriptor, number: u32) -> Option<(usize, &'static FieldDescriptor)> {
    let index = descriptor.index_of_number(number)?;
    descriptor.fields.get(index).map(|field| (index, field))
}

/// The slow answer, with names.
struct Missing {
    prefix: String,
    found: Vec<String>,
    /// Bytes of names so far.
    size: usize,
}

/// After so many bytes of names no more are listed: they are for a person to read.
const MAX_NAMES: usize = 64 * 1024;

impl Missing {
    fn collect(
        &mut self,
        bytes: &[u8],
        descriptor: &MessageDescriptor,
        depth: usize,
    ) -> Result<(), Malformed> {
        if depth > MAX_DEPTH {
            return Err(Malformed::Depth);
        }
        if self.size > MAX_NAMES {
            return Ok(());
        }
        let mut seen = 0_u64;
        let mut fields = Fields::new(bytes);
        while let Some(found) = fields.next()? {
            if let Some((index, field)) = lookup(descriptor, found.number)
                && sets(found.value, field)
            {
                seen |= bit(index);
            }
        }
        for (index, field) in descriptor.fields.iter().enumerate() {
            if field.label == Label::Required && seen & bit(index) == 0 {
                self.size += self.prefix.len() + field.name.len();
                self.found.push(format!("{}{}", self.prefix, field.name));
            }
        }
        // Those of messages in it follow, by the numbers of the fields that hold them.
        for index in descriptor.by_number {
            if let Some(field) = descriptor.fields.get(usize::from(*index))
                && seen & bit(usize::from(*index)) != 0
                && matches!(field.kind, Kind::Message(held) if held.has_required)
            {
                self.collect_field(bytes, field, depth)?;
            }
        }
        Ok(())
    }

    fn collect_field(
        &mut self,
        bytes: &[u8],
        field: &FieldDescriptor,
        depth: usize,
    ) -> Result<(), Malformed> {
        let mut count = 0_usize;
        let mut fields = Fields::new(bytes);
        while let Some(found) = fields.next()? {
            if found.number != field.number {
                continue;
            }
            let Some((bytes, descriptor)) = held(found.value, field)? else {
                continue;
            };
            let length = self.prefix.len();
            self.prefix.push_str(field.name);
            match field.label {
                Label::Repeated => self.prefix.push_str(&format!("[{count}].")),
                Label::Map => self.prefix.push_str(&format!("[{count}].value.")),
                Label::Required | Label::Optional => self.prefix.push('.'),
            }
            self.collect(bytes, descriptor, depth + 1)?;
            self.prefix.truncate(length);
            count += 1;
        }
        Ok(())
    }
}
