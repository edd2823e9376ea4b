//! The format of a segment: frames, each with a checksum over itself and everything before it.
//!
//! ```text
//!   frame:  length of body (u32) · checksum of the length (u32) · body · checksum of the body (u32)
//!   body:   kind (u8) · time (u64, nanoseconds since the epoch) · payload
//! ```
//!
//! Numbers are little-endian, payloads MessagePack with the names of fields. Each checksum (CRC-32) goes on from the one
//! before it: a byte that was changed and a frame that was taken away are noticed, and are told from a last frame that was
//! not written to its end because the process was killed.

use serde::{Deserialize, Serialize};
use tepui_model::Tick;

/// What stands at the beginning of every segment.
pub(crate) const MAGIC: &[u8; 8] = b"tepuirec";

/// No frame is larger: one that says so is damaged.
const MAX_BODY: u32 = 1 << 30;

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The beginning of a segment: [`Begin`].
    Begin,
    /// An event entered the core.
    Event,
    /// Time came to the core.
    Timeout,
    /// These effects were taken, and there were no more: a list of [`Digest`].
    Drained,
    /// These effects were taken, and there may have been more.
    Taken,
    /// The process ended in an orderly way.
    End,
}

const KINDS: [Kind; 6] = [Kind::Begin, Kind::Event, Kind::Timeout, Kind::Drained, Kind::Taken, Kind::End];

/// The beginning of a segment.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Begin {
    /// The core's name.
    pub core: String,
    /// The version of the core's behaviour.
    pub version: u32,
    /// The version of the program, for people.
    pub program: String,
    /// Number of the segment in its run, from 1.
    pub segment: u64,
    /// Events that are missing before it.
    pub dropped: Option<Dropped>,
    /// What the core is made of.
    pub from: From,
}

/// What a core is made of.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum From {
    /// Its start, encoded: this is where the process began.
    Start(Blob),
    /// Its whole state, encoded.
    State(Blob),
}

/// Bytes that are written as bytes, and not as a list of numbers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Blob(pub Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Blob;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// Events that could not be written: too many waited, or the disk refused them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dropped {
    /// How many.
    pub events: u64,
    /// When the first of them came.
    pub since: Tick,
}

/// What is kept of an effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Digest {
    /// Its variant.
    pub name: String,
    /// The checksum of all of it.
    pub sum: u32,
}

impl Digest {
    /// Of an effect as it is encoded.
    pub(crate) fn of(encoded: &[u8]) -> Self {
        Self { name: variant(encoded).unwrap_or("effect").to_owned(), sum: crc32fast::hash(encoded) }
    }
}

/// The variant of an encoded enum: a text, or a map of one entry whose key it is.
fn variant(encoded: &[u8]) -> Option<&str> {
    const MAP_OF_ONE: u8 = 0x81;
    let encoded = encoded.strip_prefix(&[MAP_OF_ONE]).unwrap_or(encoded);
    let (marker, rest) = encoded.split_first()?;
    let (length, rest) = match marker {
        0xa0..=0xbf => (usize::from(marker & 0x1f), rest),
        0xd9 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
        _ => return None,
    };
    std::str::from_utf8(rest.get(..length)?).ok()
}

/// Something in the way of a value that is to be written: a type that cannot be.
pub(crate) fn encode(value: &impl Serialize, into: &mut Vec<u8>) -> Result<(), rmp_serde::encode::Error> {
    let mut serializer = rmp_serde::Serializer::new(into).with_struct_map();
    value.serialize(&mut serializer)
}

/// Appends frames to a chunk, and keeps the checksum that goes through a segment.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    chunk: Vec<u8>,
    sum: u32,
}

impl Framer {
    /// A new segment begins; what was appended and not taken is lost.
    pub(crate) fn restart(&mut self) {
        self.chunk.clear();
        self.chunk.extend_from_slice(MAGIC);
        self.sum = crc32fast::hash(MAGIC);
    }

    /// How much waits to be taken.
    pub(crate) const fn len(&self) -> usize {
        self.chunk.len()
    }

    /// Takes what was appended.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.chunk)
    }

    /// Appends a frame.
    pub(crate) fn frame(
        &mut self,
        kind: Kind,
        now: Tick,
        payload: Option<&impl Serialize>,
    ) -> Result<(), rmp_serde::encode::Error> {
        let start = self.chunk.len();
        self.chunk.extend_from_slice(&[0; 8]);
        self.chunk.push(kind as u8);
        self.chunk.extend_from_slice(&now.as_nanos().to_le_bytes());
        if let Some(payload) = payload
            && let Err(error) = encode(payload, &mut self.chunk)
        {
            self.chunk.truncate(start);
            return Err(error);
        }
        self.seal(start);
        Ok(())
    }

    fn seal(&mut self, start: usize) {
        let body = self.chunk.len() - start - 8;
        let length = u32::try_from(body).unwrap_or(u32::MAX).to_le_bytes();
        let of_length = go_on(self.sum, &length);
        if let Some(head) = self.chunk.get_mut(start..start + 8) {
            let (to_length, to_sum) = head.split_at_mut(4);
            to_length.copy_from_slice(&length);
            to_sum.copy_from_slice(&of_length.to_le_bytes());
        }
        self.sum = go_on(of_length, self.chunk.get(start + 8..).unwrap_or_default());
        self.chunk.extend_from_slice(&self.sum.to_le_bytes());
    }
}

fn go_on(sum: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(sum);
    hasher.update(bytes);
    hasher.finalize()
}

/// A frame that was read.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub kind: Kind,
    pub now: Tick,
    pub payload: &'a [u8],
    /// Where it begins in the segment.
    pub offset: usize,
}

/// What is the matter with a segment at some place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not the beginning of a recording.
    NoRecording,
    /// A checksum does not fit.
    Checksum,
    /// A frame of a kind that this version does not know.
    UnknownKind,
    /// The file ends in the middle of a frame.
    Torn,
}

/// Reads the frames of a segment.
#[derive(Debug)]
pub(crate) struct Frames<'a> {
    bytes: &'a [u8],
    offset: usize,
    sum: u32,
}

impl<'a> Frames<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Fault> {
        if bytes.len() < MAGIC.len() && MAGIC.starts_with(bytes) {
            return Err(Fault::Torn);
        }
        if !bytes.starts_with(MAGIC) {
            return Err(Fault::NoRecording);
        }
        Ok(Self { bytes, offset: MAGIC.len(), sum: crc32fast::hash(MAGIC) })
    }

    /// Where the next frame begins.
    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    /// The next frame; none at the end of the segment.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'a>>, Fault> {
        let offset = self.offset;
        let rest = self.bytes.get(offset..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let (length, rest) = number(rest).ok_or(Fault::Torn)?;
        let (of_length, rest) = number(rest).ok_or(Fault::Torn)?;
        if go_on(self.sum, &length.to_le_bytes()) != of_length || length > MAX_BODY {
            return Err(Fault::Checksum);
        }
        let length = usize::try_from(length).map_err(|_| Fault::Checksum)?;
        let (body, rest) = rest.split_at_checked(length).ok_or(Fault::Torn)?;
        let (sum, _) = number(rest).ok_or(Fault::Torn)?;
        if go_on(of_length, body) != sum {
            return Err(Fault::Checksum);
        }
        let (kind, body) = body.split_first().ok_or(Fault::UnknownKind)?;
        let (now, payload) = body.split_first_chunk::<8>().ok_or(Fault::UnknownKind)?;
        let kind = *KINDS.get(usize::from(*kind)).ok_or(Fault::UnknownKind)?;
        self.offset = offset + 12 + length;
        self.sum = sum;
        Ok(Some(Frame { kind, now: Tick::from_nanos(u64::from_le_bytes(*now)), payload, offset }))
    }
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    bytes.split_first_chunk::<4>().map(|(number, rest)| (u32::from_le_bytes(*number), rest))
}
