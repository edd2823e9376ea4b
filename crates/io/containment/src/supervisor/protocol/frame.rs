//! Frames, and the fields in them.

/// Longest frame, in bytes; an environment is at most 2 MiB on Linux.
pub const FRAME_MAX: usize = 8 << 20;

/// A frame that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFrame {
    /// Longer than [`FRAME_MAX`].
    #[error("a frame of {0} bytes is too long")]
    TooLong(usize),
    /// A kind that this version does not know.
    #[error("unknown kind of frame {0}")]
    Kind(u8),
    /// Shorter or longer than its fields, or not text.
    #[error("a frame does not fit its fields")]
    Malformed,
}

/// Takes the next whole frame's body off `buffer` from `start` on: the body and where the next one starts.
pub(crate) fn next_frame(buffer: &[u8], start: usize) -> Result<Option<(&[u8], usize)>, InvalidFrame> {
    let Some(rest) = buffer.get(start..) else { return Ok(None) };
    let Some((length, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > FRAME_MAX {
        return Err(InvalidFrame::TooLong(length));
    }
    Ok(rest.get(..length).map(|body| (body, start + 4 + length)))
}

/// Appends a frame: its length, and what `body` appends.
pub(super) fn frame(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; 4]);
    body(out);
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

pub(super) fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend(text.as_bytes());
}

pub(super) fn put_option(out: &mut Vec<u8>, text: Option<&str>) {
    out.push(u8::from(text.is_some()));
    if let Some(text) = text {
        put_text(out, text);
    }
}

pub(super) fn put_status(out: &mut Vec<u8>, status: Option<i32>) {
    out.push(u8::from(status.is_some()));
    out.extend(status.unwrap_or_default().to_le_bytes());
}

/// What is left of a frame.
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self(body)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], InvalidFrame> {
        let (array, rest) = self.0.split_first_chunk::<N>().ok_or(InvalidFrame::Malformed)?;
        self.0 = rest;
        Ok(*array)
    }

    pub(super) fn byte(&mut self) -> Result<u8, InvalidFrame> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn number(&mut self) -> Result<i32, InvalidFrame> {
        self.array().map(i32::from_le_bytes)
    }

    pub(super) fn unsigned(&mut self) -> Result<u32, InvalidFrame> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn short(&mut self) -> Result<u16, InvalidFrame> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn option(&mut self) -> Result<Option<String>, InvalidFrame> {
        if self.byte()? == 0 { Ok(None) } else { self.text().map(Some) }
    }

    pub(super) fn long(&mut self) -> Result<u64, InvalidFrame> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn status(&mut self) -> Result<Option<i32>, InvalidFrame> {
        let known = self.byte()? != 0;
        let status = self.number()?;
        Ok(known.then_some(status))
    }

    pub(super) fn text(&mut self) -> Result<String, InvalidFrame> {
        let length = usize::try_from(self.unsigned()?).unwrap_or(usize::MAX);
        let (text, rest) = self.0.split_at_checked(length).ok_or(InvalidFrame::Malformed)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).map_err(|_| InvalidFrame::Malformed)
    }

    pub(super) fn list<T>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<T, InvalidFrame>,
    ) -> Result<Vec<T>, InvalidFrame> {
        // No room is set aside for a count that the rest of the frame may not keep.
        (0..self.unsigned()?).map(|_| element(self)).collect()
    }

    pub(super) fn end<T>(&self, value: T) -> Result<T, InvalidFrame> {
        if self.0.is_empty() { Ok(value) } else { Err(InvalidFrame::Malformed) }
    }
}
