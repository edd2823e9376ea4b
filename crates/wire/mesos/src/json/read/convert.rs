//! From a value of JSON to a field of a message, and what is said when one does not fit the other.

use base64::{
    DecodeError as Base64Error, Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use tepui_wire_protobuf::{FieldDescriptor, Kind, Label, scan::put_varint};

use crate::json::read::scanner::{Number, Token, quoted};

/// Base64 with or without padding, as Mesos reads it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The field that a value is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) number: u32,
    pub(super) label: Label,
    pub(super) kind: Kind,
}

/// Why a message is refused, if it is.
pub(super) type Refused = Option<String>;

impl Target {
    pub(super) const fn of(field: &FieldDescriptor) -> Self {
        Self { name: field.name, number: field.number, label: field.label, kind: field.kind }
    }

    /// The value in a map's entry.
    pub(super) const fn map_value(kind: Kind) -> Self {
        Self { name: "value", number: 2, label: Label::Optional, kind }
    }

    pub(super) fn not_expecting(self, token: &Token<'_>) -> Refused {
        let what = match token {
            Token::Object => "object",
            Token::Array => "array",
            Token::Number(_) => "number",
            Token::Bool(_) => "boolean",
            Token::String(_) | Token::Null => "string",
        };
        Some(format!("Not expecting a JSON {what} for field '{}'", self.name))
    }

    /// Writes a value that is neither an object nor a list.
    pub(super) fn scalar(self, token: &Token<'_>, out: &mut Vec<u8>) -> Refused {
        match (token, self.kind) {
            // Null is unset.
            (Token::Null, _) => None,
            (Token::Bool(value), Kind::Bool) => {
                self.put_varint(u64::from(*value), out);
                None
            }
            (Token::Number(number), _) => {
                if self.put_number(*number, out) {
                    None
                } else {
                    self.not_expecting(token)
                }
            }
            (Token::String(text), kind) => self.text(text, kind, out),
            _ => self.not_expecting(token),
        }
    }

    fn text(self, text: &[u8], kind: Kind, out: &mut Vec<u8>) -> Refused {
        match kind {
            Kind::String => self.string(text, out),
            Kind::Bytes => self.base64(text, out),
            Kind::Enum(values) => {
                let number = std::str::from_utf8(text).ok().and_then(|name| values.number_of(name));
                match number {
                    Some(number) => self.put_varint(i64::from(number).cast_unsigned(), out),
                    None if self.label == Label::Required => {
                        return Some(format!("Failed to find enum for '{}'", String::from_utf8_lossy(text)));
                    }
                    // A name from another version: as if the field were not there.
                    None => {}
                }
                None
            }
            Kind::Message(message) if message.name == "google.protobuf.Duration" => self.duration(text, out),
            Kind::Message(_) => self.not_expecting(&Token::String(text.into())),
            Kind::Bool => self.quoted(text, "boolean", out),
            Kind::Double | Kind::Float => {
                let value = match text {
                    b"Infinity" => f64::INFINITY,
                    b"-Infinity" => f64::NEG_INFINITY,
                    b"NaN" => f64::NAN,
                    _ => return self.quoted(text, "number", out),
                };
                self.put_number(Number::Double(value), out);
                None
            }
            Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64 => self.quoted(text, "number", out),
        }
    }

    /// A number or a bool in quotation marks.
    fn quoted(self, text: &[u8], what: &str, out: &mut Vec<u8>) -> Refused {
        let reason = match quoted(text) {
            Ok(token @ (Token::Number(_) | Token::Bool(_))) if self.takes(&token) => {
                return self.scalar(&token, out);
            }
            Ok(_) => "Unexpected JSON type parsed".to_owned(),
            Err(reason) => reason,
        };
        let text = String::from_utf8_lossy(text);
        Some(format!("Failed to parse '{text}' as a JSON {what} for field '{}': {reason}", self.name))
    }

    const fn takes(self, token: &Token<'_>) -> bool {
        matches!(self.kind, Kind::Bool) == matches!(token, Token::Bool(_))
    }

    fn string(self, text: &[u8], out: &mut Vec<u8>) -> Refused {
        if std::str::from_utf8(text).is_err() {
            return Some(format!("String field '{}' contains invalid UTF-8 data", self.name));
        }
        self.put_bytes(text, out);
        None
    }

    fn base64(self, text: &[u8], out: &mut Vec<u8>) -> Refused {
        // What follows the padding is not looked at, and one letter alone is no byte.
        let letters = text.split(|byte| *byte == b'=').next().unwrap_or_default();
        let (letters, odd) =
            letters.split_at(if letters.len() % 4 == 1 { letters.len() - 1 } else { letters.len() });
        let start = self.open(out);
        let wrong = match BASE64.decode_vec(letters, out) {
            Ok(()) => odd.iter().copied().find(|byte| !byte.is_ascii_alphanumeric() && !b"+/".contains(byte)),
            Err(Base64Error::InvalidByte(_, byte)) => Some(byte),
            Err(_) => Some(b'='),
        };
        close(start, out);
        let wrong = String::from_utf8_lossy(&[wrong?]).into_owned();
        Some(format!("Failed to base64 decode bytes field '{}': Invalid character '{wrong}'", self.name))
    }

    /// Seconds with up to nine decimals and an `s`. Mesos itself has only the object with `seconds` and `nanos`.
    fn duration(self, text: &[u8], out: &mut Vec<u8>) -> Refused {
        let parsed = std::str::from_utf8(text).ok().and_then(seconds_and_nanos);
        let Some((seconds, nanos)) = parsed else {
            let text = String::from_utf8_lossy(text);
            return Some(format!("Failed to parse '{text}' as a duration for field '{}'", self.name));
        };
        let start = self.open(out);
        for (number, value) in [(1, seconds), (2, i64::from(nanos))] {
            if value != 0 {
                put_varint(number << 3, out);
                put_varint(value.cast_unsigned(), out);
            }
        }
        close(start, out);
        None
    }

    /// Writes a number; says whether the field holds numbers. Numbers that are too large wrap, as in Mesos.
    fn put_number(self, number: Number, out: &mut Vec<u8>) -> bool {
        let double = match number {
            Number::Signed(value) => value as f64,
            Number::Unsigned(value) => value as f64,
            Number::Double(value) => value,
        };
        let integer = match number {
            Number::Signed(value) => value,
            Number::Unsigned(value) => value as i64,
            Number::Double(value) => value as i64,
        };
        let varint = match (self.kind, number) {
            (Kind::Double, _) => {
                put_varint(u64::from(self.number) << 3 | 1, out);
                out.extend_from_slice(&double.to_le_bytes());
                return true;
            }
            (Kind::Float, _) => {
                put_varint(u64::from(self.number) << 3 | 5, out);
                out.extend_from_slice(&(double as f32).to_le_bytes());
                return true;
            }
            (Kind::Uint64, Number::Double(value)) => value as u64,
            (Kind::Uint32, Number::Double(value)) => u64::from(value as u32),
            (Kind::Int32, Number::Double(value)) => i64::from(value as i32) as u64,
            (Kind::Int32, _) => i64::from(integer as i32) as u64,
            (Kind::Uint32, _) => u64::from(integer as u32),
            (Kind::Int64 | Kind::Uint64, _) => integer as u64,
            _ => return false,
        };
        self.put_varint(varint, out);
        true
    }

    fn put_varint(self, value: u64, out: &mut Vec<u8>) {
        put_varint(u64::from(self.number) << 3, out);
        put_varint(value, out);
    }

    /// Writes a field of so many bytes.
    pub(super) fn put_bytes(self, bytes: &[u8], out: &mut Vec<u8>) {
        put_varint(u64::from(self.number) << 3 | 2, out);
        put_varint(bytes.len() as u64, out);
        out.extend_from_slice(bytes);
    }

    /// Begins a field whose length is not yet known; [`close`] ends it.
    pub(super) fn open(self, out: &mut Vec<u8>) -> usize {
        put_varint(u64::from(self.number) << 3 | 2, out);
        // Most are short, and one byte is then enough for the length.
        out.push(0);
        out.len()
    }
}

/// Ends a field that began at `start`: puts its length before it.
pub(super) fn close(start: usize, out: &mut Vec<u8>) {
    let end = out.len();
    let length = end.saturating_sub(start);
    let mut prefix = [0; 10];
    let mut rest = length;
    let mut count = 0;
    for byte in &mut prefix {
        count += 1;
        let low = u8::try_from(rest & 0x7f).unwrap_or_default();
        rest >>= 7;
        if rest == 0 {
            *byte = low;
            break;
        }
        *byte = low | 0x80;
    }
    let more = count - 1;
    if more > 0 {
        out.resize(end + more, 0);
        out.copy_within(start..end, start + more);
    }
    if let Some((place, prefix)) = out.get_mut(start - 1..start + more).zip(prefix.get(..count)) {
        place.copy_from_slice(prefix);
    }
}

/// `300s`, `-1.5s`.
fn seconds_and_nanos(text: &str) -> Option<(i64, i32)> {
    let (sign, digits) = match text.strip_suffix('s')?.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_suffix('s')?),
    };
    let (seconds, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(seconds) || !all_digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let seconds: i64 = seconds.parse().ok()?;
    let nanos: i32 = format!("{fraction:0<9}").parse().ok()?;
    Some((sign * seconds, i32::from(sign == 1) * 2 * nanos - nanos))
}
