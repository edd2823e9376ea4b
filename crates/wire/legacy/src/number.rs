//! Writing JSON with Mesos's numbers.

use std::io;

use bytes::Bytes;
use serde::Serialize as _;
use serde_json::{Serializer, Value, ser::Formatter};
use tepui_wire_mesos::json::number;

/// Compact, with doubles as Mesos writes them.
struct Mesos;

impl Formatter for Mesos {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        number(value, |digits| writer.write_all(digits.as_bytes()))
    }
}

/// The text of a value.
pub fn to_bytes(value: &Value) -> Bytes {
    let mut text = Vec::new();
    // Values have string keys, and writing to memory does not fail.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut text, Mesos));
    text.into()
}
