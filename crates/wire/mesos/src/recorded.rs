//! How messages are written down inside records of our own: a message is its protobuf bytes, whatever the record's format.
//!
//! So everything that holds messages can derive serde's traits, and a record stays readable when a message gets a field more.
//! Must not live here: JSON, which has Mesos's dialect (`json`).

use std::{fmt, marker::PhantomData};

use prost::Message as Prost;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, SeqAccess, Visitor},
};

use crate::Message;

/// Implements serde's traits for generated messages.
macro_rules! recorded {
    ($message:ty) => {
        impl serde::Serialize for $message {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(&prost::Message::encode_to_vec(self))
            }
        }
        impl<'de> serde::Deserialize<'de> for $message {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::recorded::read(deserializer)
            }
        }
    };
}
pub(crate) use recorded;

/// Reads a message that was written as bytes.
pub(crate) fn read<'de, M: Prost + Default, D: Deserializer<'de>>(deserializer: D) -> Result<M, D::Error> {
    deserializer.deserialize_bytes(Bytes(PhantomData))
}

struct Bytes<M>(PhantomData<M>);

impl<'de, M: Prost + Default> Visitor<'de> for Bytes<M> {
    type Value = M;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a protobuf message")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<M, E> {
        M::decode(bytes).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<M, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = list.next_element()? {
            bytes.push(byte);
        }
        M::decode(bytes.as_slice()).map_err(A::Error::custom)
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.name(), Raw(self.encode())).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (name, body) = <(String, Raw)>::deserialize(deserializer)?;
        Self::decode(&name, body.0).map_err(D::Error::custom)
    }
}

/// Bytes that are written as bytes, and not as a list of numbers.
struct Raw(bytes::Bytes);

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bytes::Bytes::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Message, internal, v1};

    #[test]
    fn messages_are_read_as_they_were_written() {
        let task = v1::TaskId { value: "t".to_owned() };
        let kill = internal::KillTaskMessage {
            framework_id: v1::FrameworkId { value: "f".to_owned() },
            task_id: task.clone(),
            kill_policy: None,
        };
        let record = (Some(task), vec![Message::from(kill)]);
        let written = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<(Option<v1::TaskId>, Vec<Message>)>(&written).unwrap(), record);
    }

    #[test]
    fn what_is_no_message_is_refused_with_its_reason() {
        let refused =
            serde_json::from_str::<Message>(r#"["mesos.internal.KillTaskMessage", [8]]"#).unwrap_err();
        assert!(refused.to_string().contains("malformed mesos.internal.KillTaskMessage"), "{refused}");
        assert!(serde_json::from_str::<v1::TaskId>("[8]").is_err());
    }
}
