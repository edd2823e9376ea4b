//! What both sides of HTTP/1.1 share: the chunked coding, undone piece by piece.

use bytes::{Buf, BytesMut};

/// A body that does not follow the rules of the chunked coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChunk {
    /// No length in hexadecimal digits.
    #[error("a chunk without a valid length")]
    Length,
    /// A length line or a trailer that does not end.
    #[error("a chunk's length line is too long")]
    LineTooLong,
    /// No line end behind the data.
    #[error("a chunk that does not end where its length says")]
    End,
}

/// The longest length line or trailer line taken.
const LINE_MAX: usize = 8 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Length,
    Data { left: usize },
    DataEnd,
    Trailer,
    Done,
}

/// Undoes the chunked coding. Feed it what has arrived; it takes what it can.
#[derive(Debug)]
pub struct ChunkedDecoder {
    state: State,
}

impl Default for ChunkedDecoder {
    fn default() -> Self {
        Self { state: State::Length }
    }
}

impl ChunkedDecoder {
    /// Whether the last chunk and its trailer were seen.
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Moves data from `source` to `sink`, as far as it goes.
    ///
    /// # Errors
    /// [`InvalidChunk`]; the connection is of no more use then.
    pub fn decode(&mut self, source: &mut BytesMut, sink: &mut BytesMut) -> Result<(), InvalidChunk> {
        loop {
            match self.state {
                State::Done => return Ok(()),
                State::Length => {
                    let Some(line) = line(source)? else { return Ok(()) };
                    let digits = line[..].split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
                    let length = hexadecimal(digits).ok_or(InvalidChunk::Length)?;
                    self.state = if length == 0 { State::Trailer } else { State::Data { left: length } };
                }
                State::Data { left } => {
                    let take = left.min(source.len());
                    sink.extend_from_slice(&source[..take]);
                    source.advance(take);
                    if take < left {
                        self.state = State::Data { left: left - take };
                        return Ok(());
                    }
                    self.state = State::DataEnd;
                }
                State::DataEnd => {
                    if source.len() < 2 {
                        return Ok(());
                    }
                    if !source.starts_with(b"\r\n") {
                        return Err(InvalidChunk::End);
                    }
                    source.advance(2);
                    self.state = State::Length;
                }
                State::Trailer => {
                    let Some(line) = line(source)? else { return Ok(()) };
                    if line.is_empty() {
                        self.state = State::Done;
                    }
                }
            }
        }
    }
}

/// Takes one line, without its end.
fn line(source: &mut BytesMut) -> Result<Option<BytesMut>, InvalidChunk> {
    let Some(end) = source.iter().take(LINE_MAX).position(|byte| *byte == b'\n') else {
        return if source.len() >= LINE_MAX { Err(InvalidChunk::LineTooLong) } else { Ok(None) };
    };
    let mut line = source.split_to(end);
    source.advance(1);
    if line.last() == Some(&b'\r') {
        line.truncate(line.len() - 1);
    }
    Ok(Some(line))
}

fn hexadecimal(digits: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(digits).ok()?;
    // A sign would be taken by the parser of numbers, but is none of HTTP's digits.
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    usize::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_gives_the_same_body() {
        let wire = b"5;name=value\r\nhello\r\n1\r\n \r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nNEXT";
        for step in 1..wire.len() {
            let (mut decoder, mut source, mut sink) =
                (ChunkedDecoder::default(), BytesMut::new(), BytesMut::new());
            for piece in wire.chunks(step) {
                source.extend_from_slice(piece);
                decoder.decode(&mut source, &mut sink).unwrap();
            }
            assert!(decoder.is_done());
            assert_eq!(&sink[..], b"hello 0123456789", "cut in pieces of {step}");
            assert_eq!(&source[..], b"NEXT");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for (wire, error) in [
            (&b"x\r\n"[..], InvalidChunk::Length),
            (b"\r\n", InvalidChunk::Length),
            (b"+5\r\nhello\r\n", InvalidChunk::Length),
            (b"ffffffffffffffffff\r\n", InvalidChunk::Length),
            (b"1\r\nab\r\n", InvalidChunk::End),
            (&[b'1'; LINE_MAX], InvalidChunk::LineTooLong),
        ] {
            let mut source = BytesMut::from(wire);
            assert_eq!(ChunkedDecoder::default().decode(&mut source, &mut BytesMut::new()), Err(error));
        }
    }
}
