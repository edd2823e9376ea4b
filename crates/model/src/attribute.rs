//! What operators say about an agent: `rack:r1;zone:z1`.

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::{
    resource::parse_value,
    value::{Ranges, Scalar, Set, Value},
};

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AttributeValue {
    /// A number.
    Scalar(Scalar),
    /// Ranges of numbers.
    Ranges(Ranges),
    /// Names. Only from the wire: the text form has none.
    Set(Set),
    /// Anything else.
    Text(String),
}

impl fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => scalar.fmt(f),
            Self::Ranges(ranges) => ranges.fmt(f),
            Self::Set(set) => set.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// A name and a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attribute {
    /// The name; several attributes may have the same.
    pub name: String,
    /// The value.
    pub value: AttributeValue,
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.value)
    }
}

/// Why a text does not describe attributes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid attributes: {problem} in '{piece}'")]
pub struct InvalidAttributes {
    /// The attribute in question.
    pub piece: String,
    /// What is wrong.
    pub problem: String,
}

/// Reads `name:value;name:value`. Values are numbers, ranges such as `[20-30]`, or else text.
///
/// # Errors
/// Names the first piece that is wrong. Sets are not for attributes.
pub fn parse_attributes(text: &str) -> Result<Vec<Attribute>, InvalidAttributes> {
    let pieces = text.split(';').map(str::trim).filter(|piece| !piece.is_empty());
    pieces
        .map(|piece| {
            let wrong =
                |problem: &str| InvalidAttributes { piece: piece.to_owned(), problem: problem.to_owned() };
            let (name, value) = piece
                .split_once(':')
                .map(|(name, value)| (name.trim(), value.trim()))
                .filter(|(name, value)| !name.is_empty() && !value.is_empty())
                .ok_or_else(|| wrong("a name, a ':' and a value are expected"))?;
            let value = match parse_value(value).map_err(|problem| wrong(&problem))? {
                Some(Value::Scalar(scalar)) => AttributeValue::Scalar(scalar),
                Some(Value::Ranges(ranges)) => AttributeValue::Ranges(ranges),
                Some(Value::Set(_)) => return Err(wrong("a set is no value for an attribute")),
                None => AttributeValue::Text(value.to_owned()),
            };
            Ok(Attribute { name: name.to_owned(), value })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads() {
        let attributes = parse_attributes("rack:r1; level:10.5;keys:[1-3];url:http://x:1;").unwrap();
        let texts: Vec<_> = attributes.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["rack:r1", "level:10.5", "keys:[1-3]", "url:http://x:1"]);
        assert!(matches!(attributes[1].value, AttributeValue::Scalar(_)));
        assert_eq!(parse_attributes(""), Ok(Vec::new()));
        for bad in ["rack", "rack:", ":r1", "a:{x}", "a:[1"] {
            assert!(parse_attributes(bad).is_err(), "{bad}");
        }
    }
}
