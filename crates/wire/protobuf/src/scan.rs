//! The fields of a message as they lie in its bytes. What they mean is in the tables.

/// Bytes that are not protobuf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// They end in the middle of a field.
    #[error("the message ends in the middle of a field")]
    Truncated,
    /// A number of more than 64 bits.
    #[error("a number has more than 64 bits")]
    Varint,
    /// A field's number or type that cannot be.
    #[error("a field has an impossible number or type")]
    Tag,
    /// More levels than any message of ours has.
    #[error("messages are nested too deeply")]
    Depth,
    /// A text that is not UTF-8.
    #[error("a string is not valid UTF-8")]
    Utf8,
}

/// As deep as messages may be nested: prost's limit.
pub const MAX_DEPTH: usize = 100;

/// The value of one field, as its wire type tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire<'a> {
    /// Integers, bools, enums.
    Varint(u64),
    /// Doubles.
    Fixed64(u64),
    /// Floats.
    Fixed32(u32),
    /// Strings, bytes, messages, packed lists.
    Bytes(&'a [u8]),
    /// A group: proto2 had them; nobody has any now.
    Group,
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// Its number.
    pub number: u32,
    /// Its value.
    pub value: Wire<'a>,
}

/// Walks the fields of a message.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    /// Before the first field.
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where the next field begins.
    #[inline]
    pub const fn position(&self) -> usize {
        self.at
    }

    /// The next field; `None` at the end.
    ///
    /// # Errors
    /// [`Malformed`]: what follows cannot be read.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "an iterator would have to go on after an error")]
    pub fn next(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        let (number, kind) = self.tag()?;
        let value = self.value(number, kind)?;
        Ok(Some(Field { number, value }))
    }

    #[inline]
    fn tag(&mut self) -> Result<(u32, u64), Malformed> {
        let tag = self.varint()?;
        match u32::try_from(tag >> 3) {
            Ok(number) if number != 0 && tag <= u64::from(u32::MAX) => Ok((number, tag & 7)),
            _ => Err(Malformed::Tag),
        }
    }

    #[inline]
    fn value(&mut self, number: u32, kind: u64) -> Result<Wire<'a>, Malformed> {
        Ok(match kind {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = self.varint()?;
                Wire::Bytes(self.take(usize::try_from(length).map_err(|_| Malformed::Truncated)?)?)
            }
            3 => {
                self.skip_group(number)?;
                Wire::Group
            }
            5 => Wire::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(Malformed::Tag),
        })
    }

    #[cold]
    fn skip_group(&mut self, number: u32) -> Result<(), Malformed> {
        // Not by recursion: the open groups are kept, and there are only so many.
        let mut open = smallvec::SmallVec::<[u32; 8]>::new();
        open.push(number);
        while let Some(innermost) = open.last().copied() {
            match self.tag()? {
                (number, 3) if open.len() < MAX_DEPTH => open.push(number),
                (_, 3) => return Err(Malformed::Depth),
                (number, 4) if number == innermost => drop(open.pop()),
                (number, kind) => drop(self.value(number, kind)?),
            }
        }
        Ok(())
    }

    /// A number of variable length.
    ///
    /// # Errors
    /// [`Malformed`]: it does not end, or is too long.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or(Malformed::Truncated)?;
            self.at += 1;
            // The tenth byte has room for one bit.
            if shift == 63 && byte > 1 {
                return Err(Malformed::Varint);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed::Varint)
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(length).ok_or(Malformed::Truncated)?;
        let taken = self.bytes.get(self.at..end).ok_or(Malformed::Truncated)?;
        self.at = end;
        Ok(taken)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// [`Malformed::Truncated`]: there are fewer.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let taken = self.take(N)?;
        <[u8; N]>::try_from(taken).map_err(|_| Malformed::Truncated)
    }

    /// Whether all has been read.
    #[inline]
    pub const fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }
}

/// Appends a varint.
#[inline]
pub fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The low 32 bits, as protobuf keeps an `int32` or an enum in a varint.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the upper half is the sign's")]
pub const fn as_i32(varint: u64) -> i32 {
    varint as i32
}
