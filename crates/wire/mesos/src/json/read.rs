//! From JSON to protobuf bytes, in one pass over the text.
//!
//! What breaks the syntax is told before what breaks the message, whichever comes first in the text; and of several
//! things that break the message the one with the first name is told. So a reader goes on to the end.

mod convert;
mod scanner;

use bytes::Bytes;
use tepui_wire_protobuf::{
    self as protobuf, Described, Kind, Label, MessageDescriptor,
    scan::{Field, Fields, Wire},
};

use crate::{
    DecodeError,
    json::read::{
        convert::{Refused, Target, close},
        scanner::{Scanner, Syntax, Token},
    },
};

/// Reads a message from JSON and checks its required fields.
///
/// # Errors
/// [`DecodeError::Syntax`] when the text is not JSON, [`DecodeError::Convert`] when it is not this message.
pub fn from_slice<M: Described>(text: &[u8]) -> Result<M, DecodeError> {
    let bytes = to_protobuf(text, M::DESCRIPTOR)?;
    M::decode(bytes).map_err(|error| invalid(M::DESCRIPTOR, error.to_string()))
}

/// The protobuf bytes of a message given as JSON, with its required fields checked.
///
/// # Errors
/// As [`from_slice`].
pub fn to_protobuf(text: &[u8], descriptor: &'static MessageDescriptor) -> Result<Bytes, DecodeError> {
    let mut reader = Reader::new(text);
    let mut refused = reader.document(descriptor)?;
    // Of two members with one name the last counts. To write it is too late by then, so the text is read again
    // without the others; nobody but a tester sends such a thing.
    let deduplicated =
        if reader.duplicates { serde_json::from_slice::<serde_json::Value>(text).ok() } else { None };
    let text = deduplicated.map(|value| value.to_string());
    if let Some(text) = &text {
        reader = Reader::new(text.as_bytes());
        refused = reader.document(descriptor)?;
    }
    if let Some(reason) = refused {
        return Err(invalid(descriptor, reason));
    }
    match protobuf::missing(&reader.out, descriptor) {
        Ok(None) => Ok(reader.out.into()),
        Ok(Some(fields)) => Err(invalid(descriptor, format!("Missing required fields: {fields}"))),
        Err(malformed) => Err(invalid(descriptor, malformed.to_string())),
    }
}

/// Reads a list of messages from a JSON array, each with its required fields checked.
///
/// # Errors
/// As [`from_slice`].
pub fn list_from_slice<M: Described>(text: &[u8]) -> Result<Vec<M>, DecodeError> {
    // The elements are read as those of a field of some message.
    let elements =
        Target { name: "list", number: 1, label: Label::Repeated, kind: Kind::Message(M::DESCRIPTOR) };
    let mut reader = Reader::new(text);
    let refused = reader.list(elements).map_err(|Syntax| reader.scanner.syntax_error())?;
    reader.scanner.end()?;
    if let Some(reason) = refused {
        return Err(invalid(M::DESCRIPTOR, reason));
    }
    let mut list = Vec::new();
    let mut fields = Fields::new(&reader.out);
    while let Ok(Some(Field { value: Wire::Bytes(bytes), .. })) = fields.next() {
        match protobuf::missing(bytes, M::DESCRIPTOR) {
            Ok(None) => {}
            Ok(Some(fields)) => {
                return Err(invalid(M::DESCRIPTOR, format!("Missing required fields: {fields}")));
            }
            Err(malformed) => return Err(invalid(M::DESCRIPTOR, malformed.to_string())),
        }
        list.push(M::decode(bytes).map_err(|error| invalid(M::DESCRIPTOR, error.to_string()))?);
    }
    Ok(list)
}

fn invalid(descriptor: &'static MessageDescriptor, reason: String) -> DecodeError {
    DecodeError::Convert { message: descriptor.short_name(), reason }
}

struct Reader<'a> {
    scanner: Scanner<'a>,
    /// The protobuf bytes so far.
    out: Vec<u8>,
    /// Whether some field stood twice in one object.
    duplicates: bool,
}

impl<'a> Reader<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { scanner: Scanner::new(text), out: Vec::with_capacity(text.len() / 2), duplicates: false }
    }

    /// The whole text.
    fn document(&mut self, descriptor: &'static MessageDescriptor) -> Result<Refused, DecodeError> {
        let refused = self.root(descriptor).map_err(|Syntax| self.scanner.syntax_error())?;
        self.scanner.end()?;
        Ok(refused)
    }

    fn root(&mut self, descriptor: &'static MessageDescriptor) -> Result<Refused, Syntax> {
        match self.scanner.token()? {
            Token::Object => self.fields(descriptor),
            token => {
                self.scanner.skip(&token)?;
                Ok(Some("Expecting a JSON object".to_owned()))
            }
        }
    }

    fn list(&mut self, target: Target) -> Result<Refused, Syntax> {
        match self.scanner.token()? {
            Token::Array => self.elements(target),
            token => {
                self.scanner.skip(&token)?;
                Ok(Some("Expecting a JSON array".to_owned()))
            }
        }
    }

    /// The members of an object that is a message. The opening brace has been read.
    fn fields(&mut self, descriptor: &'static MessageDescriptor) -> Result<Refused, Syntax> {
        let mut first: Option<(&'static str, String)> = None;
        let mut seen = 0_u64;
        let mut next = 0;
        let mut more = self.scanner.open_object()?;
        while more {
            let key = self.scanner.key()?;
            // Fields mostly come in the order of declaration.
            let index = match descriptor.fields.get(next) {
                Some(field) if field.name.as_bytes() == &*key => Some(next),
                _ => std::str::from_utf8(&key).ok().and_then(|key| descriptor.index_of_name(key)),
            };
            if let Some((index, field)) = index.and_then(|index| Some((index, descriptor.fields.get(index)?)))
            {
                let bit = 1_u64 << (index & 63);
                self.duplicates |= seen & bit != 0;
                seen |= bit;
                next = index + 1;
                if let Some(reason) = self.value(Target::of(field))?
                    && first.as_ref().is_none_or(|(name, _)| field.name < *name)
                {
                    first = Some((field.name, reason));
                }
            } else {
                let token = self.scanner.token()?;
                self.scanner.skip(&token)?;
            }
            more = self.scanner.next_member()?;
        }
        Ok(first.map(|(_, reason)| reason))
    }

    /// Any value for a field.
    fn value(&mut self, target: Target) -> Result<Refused, Syntax> {
        let token = self.scanner.token()?;
        match (&token, target.kind) {
            (Token::Object, _) if target.label == Label::Map => self.map(target),
            (Token::Object, Kind::Message(descriptor)) => {
                let start = target.open(&mut self.out);
                let refused = self.fields(descriptor)?;
                close(start, &mut self.out);
                Ok(refused)
            }
            (Token::Array, _) if target.label.is_repeated() => self.elements(target),
            (Token::Object | Token::Array, _) => {
                self.scanner.skip(&token)?;
                Ok(target.not_expecting(&token))
            }
            (Token::Null, _) => Ok(None),
            _ if target.label == Label::Map => Ok(target.not_expecting(&token)),
            _ => Ok(target.scalar(&token, &mut self.out)),
        }
    }

    /// Elements of a list. Lists in lists are one list.
    fn elements(&mut self, target: Target) -> Result<Refused, Syntax> {
        let mut refused = None;
        let mut more = self.scanner.open_array()?;
        while more {
            let element = self.value(target)?;
            refused = refused.or(element);
            more = self.scanner.next_element()?;
        }
        Ok(refused)
    }

    /// The members of an object that is a map. The opening brace has been read.
    fn map(&mut self, target: Target) -> Result<Refused, Syntax> {
        let mut first: Option<(Vec<u8>, String)> = None;
        let mut more = self.scanner.open_object()?;
        while more {
            let key = self.scanner.key()?;
            let start = target.open(&mut self.out);
            let name = Target { name: "key", number: 1, label: Label::Optional, kind: Kind::String };
            let of_key = name.scalar(&Token::String(key.clone()), &mut self.out);
            let of_value = self.value(Target::map_value(target.kind))?;
            close(start, &mut self.out);
            if let Some(reason) = of_key.or(of_value)
                && first.as_ref().is_none_or(|(name, _)| **name > *key)
            {
                first = Some((key.into_owned(), reason));
            }
            more = self.scanner.next_member()?;
        }
        Ok(first.map(|(_, reason)| reason))
    }
}
