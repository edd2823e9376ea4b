//! RecordIO: length-prefixed records, read and written piece by piece.
//!
//! A record is its length in decimal digits, a line feed, and that many bytes. Records and the pieces that a
//! connection delivers need not align. What a record holds is no business of this crate.

use bytes::{Buf, Bytes, BytesMut};

/// One record: length, line feed, bytes.
pub fn encode(record: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(record.len() + 21);
    encode_into(record, &mut out);
    out.into()
}

/// Appends one record to `out`.
pub fn encode_into(record: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(record.len()).as_bytes());
    out.push(b'\n');
    out.extend_from_slice(record);
}

/// Takes a stream apart into records.
#[derive(Debug)]
pub struct Decoder {
    /// What came and was not yet taken.
    buffer: BytesMut,
    /// Length of the record whose bytes come next; `None` while a length is read.
    length: Option<usize>,
    /// Where in `buffer` the search for the line feed goes on.
    searched: usize,
    /// The most bytes that a record may have.
    max: usize,
    /// What ended the stream: no record can be found after a broken one.
    failed: Option<InvalidRecord>,
}

/// A stream that is not RecordIO.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecord {
    /// Something else stands where the length should.
    #[error("Failed to decode length '{0}'")]
    Length(String),
    /// The record is longer than is allowed here.
    #[error("a record of {length} bytes, where at most {max} are allowed")]
    TooLong {
        /// The length that was announced.
        length: usize,
        /// The most that is allowed.
        max: usize,
    },
}

/// The most digits that a length can have.
const DIGITS: usize = 20;

impl Decoder {
    /// A decoder for records of at most `max` bytes.
    pub fn new(max: usize) -> Self {
        Self { buffer: BytesMut::new(), length: None, searched: 0, max, failed: None }
    }

    /// Takes what came from the connection.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next whole record; `None` until more is fed.
    ///
    /// # Errors
    /// [`InvalidRecord`], and then always the same one: after a broken record no other can be found.
    pub fn next_record(&mut self) -> Result<Option<Bytes>, InvalidRecord> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let result = self.advance();
        if let Err(error) = &result {
            self.failed = Some(error.clone());
            self.buffer = BytesMut::new();
        }
        result
    }

    /// Whether nothing of an unfinished record is held: a stream may end here.
    pub fn is_idle(&self) -> bool {
        self.failed.is_none() && self.length.is_none() && self.buffer.is_empty()
    }

    fn advance(&mut self) -> Result<Option<Bytes>, InvalidRecord> {
        let length = match self.length {
            Some(length) => length,
            None => match self.take_length()? {
                Some(length) => length,
                None => return Ok(None),
            },
        };
        if self.buffer.len() < length {
            self.length = Some(length);
            return Ok(None);
        }
        self.length = None;
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    fn take_length(&mut self) -> Result<Option<usize>, InvalidRecord> {
        let rest = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(found) = rest.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.buffer.len();
            // No length has this many digits: do not wait for a line feed that may never come.
            return if self.searched > DIGITS { Err(self.invalid_length(DIGITS)) } else { Ok(None) };
        };
        let end = self.searched + found;
        self.searched = 0;
        let digits = self.buffer.get(..end).unwrap_or_default();
        if end > DIGITS || digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(self.invalid_length(end.min(DIGITS)));
        }
        let Some(length) = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<usize>().ok())
        else {
            return Err(self.invalid_length(end));
        };
        self.buffer.advance(end + 1);
        if length > self.max {
            return Err(InvalidRecord::TooLong { length, max: self.max });
        }
        Ok(Some(length))
    }

    fn invalid_length(&self, end: usize) -> InvalidRecord {
        let text = self.buffer.get(..end).unwrap_or_default();
        InvalidRecord::Length(String::from_utf8_lossy(text).into_owned())
    }
}

#[cfg(test)]
mod tests;
