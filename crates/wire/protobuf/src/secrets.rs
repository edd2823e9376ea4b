//! Messages without what is secret in them: for logs and recordings. Must not live here: who may see what.

use std::ops::Range;

use crate::{
    Kind, Label, Malformed, MessageDescriptor,
    scan::{Fields, MAX_DEPTH, Wire},
};

/// What stands in the place of each byte of a secret.
const BLANK: u8 = b'*';

/// Overwrites the values of secret fields in an encoded message, at any depth. It stays a message of the same length.
///
/// # Errors
/// [`Malformed`]: the bytes are no message; they are blanked as a whole then, since nobody knows what is in them.
pub fn blank(bytes: &mut [u8], descriptor: &MessageDescriptor) -> Result<(), Malformed> {
    if !descriptor.holds_secrets {
        return Ok(());
    }
    let mut secrets = Vec::new();
    let found = find(bytes, 0, descriptor, 0, &mut secrets);
    if found.is_err() {
        bytes.fill(BLANK);
    }
    for secret in secrets {
        if let Some(secret) = bytes.get_mut(secret) {
            secret.fill(BLANK);
        }
    }
    found
}

/// Where secrets lie in `bytes`, which begin at `offset` of the whole.
fn find(
    bytes: &[u8],
    offset: usize,
    descriptor: &MessageDescriptor,
    depth: usize,
    secrets: &mut Vec<Range<usize>>,
) -> Result<(), Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed::Depth);
    }
    let mut fields = Fields::new(bytes);
    while let Some(found) = fields.next()? {
        let (Wire::Bytes(value), Some(field)) = (found.value, descriptor.field_by_number(found.number))
        else {
            continue;
        };
        let start = offset + fields.position() - value.len();
        match field.kind {
            Kind::Message(held) if held.holds_secrets => {
                if field.label == Label::Map {
                    find_in_entry(value, start, held, depth + 1, secrets)?;
                } else {
                    find(value, start, held, depth + 1, secrets)?;
                }
            }
            _ if field.secret => secrets.push(start..start + value.len()),
            _ => {}
        }
    }
    Ok(())
}

/// The value of a map's entry is its second field.
fn find_in_entry(
    entry: &[u8],
    offset: usize,
    held: &MessageDescriptor,
    depth: usize,
    secrets: &mut Vec<Range<usize>>,
) -> Result<(), Malformed> {
    let mut fields = Fields::new(entry);
    while let Some(found) = fields.next()? {
        if let (2, Wire::Bytes(value)) = (found.number, found.value) {
            find(value, offset + fields.position() - value.len(), held, depth, secrets)?;
        }
    }
    Ok(())
}
