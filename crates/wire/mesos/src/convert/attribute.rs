//! Attributes of agents.

use tepui_model::{Attribute, AttributeValue};

use crate::v1::{
    self,
    value::{Text, Type},
};

/// An attribute on the wire whose value is not there, or not of its type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Attribute '{name}' has no value of its type")]
pub struct InvalidAttribute {
    /// The attribute's name.
    pub name: String,
}

impl TryFrom<&v1::Attribute> for Attribute {
    type Error = InvalidAttribute;

    fn try_from(wire: &v1::Attribute) -> Result<Self, Self::Error> {
        let value = match Type::try_from(wire.r#type) {
            Ok(Type::Scalar) => wire.scalar.as_ref().map(|scalar| AttributeValue::Scalar(scalar.into())),
            Ok(Type::Ranges) => wire.ranges.as_ref().map(|ranges| AttributeValue::Ranges(ranges.into())),
            Ok(Type::Set) => wire.set.as_ref().map(|set| AttributeValue::Set(set.into())),
            Ok(Type::Text) => wire.text.as_ref().map(|text| AttributeValue::Text(text.value.clone())),
            Err(_) => None,
        };
        let value = value.ok_or_else(|| InvalidAttribute { name: wire.name.clone() })?;
        Ok(Self { name: wire.name.clone(), value })
    }
}

impl From<&Attribute> for v1::Attribute {
    fn from(attribute: &Attribute) -> Self {
        let mut wire = Self { name: attribute.name.clone(), ..Self::default() };
        match &attribute.value {
            AttributeValue::Scalar(scalar) => {
                wire.set_type(Type::Scalar);
                wire.scalar = Some((*scalar).into());
            }
            AttributeValue::Ranges(ranges) => {
                wire.set_type(Type::Ranges);
                wire.ranges = Some(ranges.into());
            }
            AttributeValue::Set(set) => {
                wire.set_type(Type::Set);
                wire.set = Some(set.into());
            }
            AttributeValue::Text(text) => {
                wire.set_type(Type::Text);
                wire.text = Some(Text { value: text.clone() });
            }
        }
        wire
    }
}
