//! Numbers, texts and bytes as Mesos prints them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tepui_wire_protobuf::{Kind, Malformed, scan::as_i32};

pub(super) fn integer(varint: u64, kind: Kind, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let text = match kind {
        Kind::Bool => {
            if varint == 0 {
                "false"
            } else {
                "true"
            }
        }
        Kind::Int32 => buffer.format(varint as i32),
        Kind::Uint32 => buffer.format(varint as u32),
        Kind::Int64 => buffer.format(varint as i64),
        Kind::Enum(values) => {
            out.push(b'"');
            out.extend_from_slice(values.name_of(as_i32(varint)).unwrap_or_default().as_bytes());
            "\""
        }
        _ => buffer.format(varint),
    };
    out.extend_from_slice(text.as_bytes());
}

/// Writes a double: the fewest digits that read back as the same number, always with a point or an exponent (`8.0`),
/// without an exponent up to 21 digits. What JSON has no number for is `null`.
///
/// The digits are those of the Grisu2 algorithm, which Mesos's writer uses: the last one may differ from what other
/// algorithms print for the same number. Whatever writes a double into JSON calls this: `take`
/// gets the text.
pub fn number<T>(value: f64, take: impl FnOnce(&str) -> T) -> T {
    if value.is_finite() { take(dtoa::Buffer::new().format_finite(value)) } else { take("null") }
}

/// A double in a message: what JSON has no number for is a text.
pub(super) fn double(value: f64, out: &mut Vec<u8>) {
    if value.is_nan() {
        out.extend_from_slice(b"\"NaN\"");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" });
    } else {
        number(value, |digits| out.extend_from_slice(digits.as_bytes()));
    }
}

/// A text in quotation marks.
pub(super) fn text(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    if std::str::from_utf8(bytes).is_err() {
        return Err(Malformed::Utf8);
    }
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte < b' ' || matches!(byte, b'"' | b'\\')) {
        let (plain, after) = rest.split_at(at);
        out.extend_from_slice(plain);
        if let Some((special, after)) = after.split_first() {
            escape(*special, out);
            rest = after;
        }
    }
    out.extend_from_slice(rest);
    out.push(b'"');
    Ok(())
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        _ => {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Bytes as a text in base64.
pub(super) fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let start = out.len();
    let length = bytes.len().div_ceil(3).saturating_mul(4);
    out.resize(start + length, 0);
    let written = match out.get_mut(start..) {
        Some(space) => STANDARD.encode_slice(bytes, space).unwrap_or_default(),
        None => 0,
    };
    out.truncate(start + written);
    out.push(b'"');
}
