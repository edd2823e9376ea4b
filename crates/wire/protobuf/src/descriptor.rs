//! The table of a message: what one codec for all messages reads instead of generated code for each.
//!
//! The tables themselves are generated, beside the messages that they are of. They must not hold behaviour.

use std::fmt;

/// A message with its table.
pub trait Described: prost::Message + Default {
    /// The table of this message's fields.
    const DESCRIPTOR: &'static MessageDescriptor;
}

/// The fields of one message.
pub struct MessageDescriptor {
    /// Full protobuf name, as `mesos.v1.TaskInfo`.
    pub name: &'static str,
    /// The fields in the order of declaration, which is the order in which JSON is written.
    pub fields: &'static [FieldDescriptor],
    /// Indices into `fields`, in the order of the fields' numbers.
    pub by_number: &'static [u8],
    /// Indices into `fields`, in the order of the fields' names.
    pub by_name: &'static [u8],
    /// The required fields: bit `i` stands for `fields[i]`.
    pub required: u64,
    /// Whether this message, or any that it can hold, has a required field.
    pub has_required: bool,
    /// Whether this message, or any that it can hold, has a secret field.
    pub holds_secrets: bool,
}

/// One field.
pub struct FieldDescriptor {
    /// The name as in the .proto file, and as a JSON key.
    pub name: &'static str,
    /// The name as it is written before a value in JSON: quoted, with its colon.
    pub key: &'static str,
    /// The number on the wire.
    pub number: u32,
    /// How often the field stands in a message.
    pub label: Label,
    /// What the field holds; of a map: what its values are (the keys are always strings).
    pub kind: Kind,
    /// The explicit default, as JSON text.
    pub default: Option<&'static str>,
    /// Whether the field is marked deprecated. A deprecated default is not written.
    pub deprecated: bool,
    /// Whether the list is shown in JSON even when it is empty.
    pub written_empty: bool,
    /// Whether nobody may see the value but those for whom it is.
    pub secret: bool,
    /// The oneof that the field belongs to.
    pub oneof: Option<&'static str>,
}

/// How often a field stands in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// Exactly once, or the message is refused.
    Required,
    /// At most once.
    Optional,
    /// Any number of times.
    Repeated,
    /// Any number of times, as pairs with a string for key.
    Map,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `double`.
    Double,
    /// `float`.
    Float,
    /// `int32`.
    Int32,
    /// `int64`.
    Int64,
    /// `uint32`.
    Uint32,
    /// `uint64`.
    Uint64,
    /// `bool`.
    Bool,
    /// `string`.
    String,
    /// `bytes`.
    Bytes,
    /// An enum: written by name.
    Enum(&'static EnumDescriptor),
    /// A message.
    Message(&'static MessageDescriptor),
}

/// The values of one enum.
pub struct EnumDescriptor {
    /// Full protobuf name, as `mesos.v1.TaskState`.
    pub name: &'static str,
    /// Names and numbers, in the order of declaration.
    pub values: &'static [(&'static str, i32)],
}

impl MessageDescriptor {
    /// The index in `fields` of the field with this number.
    #[inline]
    pub fn index_of_number(&self, number: u32) -> Option<usize> {
        let number_of = |index: &u8| self.fields.get(usize::from(*index)).map_or(0, |field| field.number);
        // Most messages number their fields 1, 2, 3...: look there first.
        let guess = (number as usize).wrapping_sub(1);
        if let Some(index) = self.by_number.get(guess)
            && number_of(index) == number
        {
            return Some(usize::from(*index));
        }
        let at = self.by_number.binary_search_by_key(&number, number_of).ok()?;
        self.by_number.get(at).map(|index| usize::from(*index))
    }

    /// The index in `fields` of the field with this name.
    #[inline]
    pub fn index_of_name(&self, name: &str) -> Option<usize> {
        let name_of = |index: &u8| self.fields.get(usize::from(*index)).map_or("", |field| field.name);
        let at = self.by_name.binary_search_by(|index| name_of(index).cmp(name)).ok()?;
        self.by_name.get(at).map(|index| usize::from(*index))
    }

    /// The field with this number.
    #[inline]
    pub fn field_by_number(&self, number: u32) -> Option<&'static FieldDescriptor> {
        self.index_of_number(number).and_then(|index| self.fields.get(index))
    }

    /// The field with this name.
    pub fn field(&self, name: &str) -> Option<&'static FieldDescriptor> {
        self.index_of_name(name).and_then(|index| self.fields.get(index))
    }

    /// The name without its package: `TaskInfo`.
    pub fn short_name(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }
}

impl EnumDescriptor {
    /// The name of a number.
    #[inline]
    pub fn name_of(&self, number: i32) -> Option<&'static str> {
        // Most enums number their values 0, 1, 2...: look there first.
        if let Some((name, at)) = usize::try_from(number).ok().and_then(|guess| self.values.get(guess))
            && *at == number
        {
            return Some(name);
        }
        self.values.iter().find(|(_, value)| *value == number).map(|(name, _)| *name)
    }

    /// The number of a name.
    pub fn number_of(&self, name: &str) -> Option<i32> {
        self.values.iter().find(|(candidate, _)| *candidate == name).map(|(_, number)| *number)
    }
}

impl Label {
    /// Whether a field may stand more than once.
    pub const fn is_repeated(self) -> bool {
        matches!(self, Self::Repeated | Self::Map)
    }
}

// Messages refer to themselves: printing a table must not print all that it refers to.
impl fmt::Debug for MessageDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Debug for EnumDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
