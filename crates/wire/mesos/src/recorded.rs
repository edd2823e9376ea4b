//! How messages are written down inside records of our own: a message is its protobuf bytes, whatever the record's format.
//!
//! So everything that holds messages can derive serde's traits, and a record stays readable when a message gets a field more.
//! What is secret in a message (values of secrets, credentials) is blanked: records are read by people.
//! Must not live here: JSON, which has Mesos's dialect (`json`).

use std::{fmt, marker::PhantomData};

use prost::Message as Prost;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, SeqAccess, Visitor},
};

use tepui_wire_protobuf::{Described, secrets};

use crate::Message;

/// Implements serde's traits for generated messages.
macro_rules! recorded {
    ($message:ty) => {
        impl serde::Serialize for $message {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(&crate::recorded::bytes(self))
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

/// A message's bytes, with what is secret in it blanked.
pub(crate) fn bytes<M: Described>(message: &M) -> Vec<u8> {
    let mut bytes = message.encode_to_vec();
    // Our own bytes are a message; if they were not, all of them would be blanked.
    let _ = secrets::blank(&mut bytes, M::DESCRIPTOR);
    bytes
}

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

/// Kinds of calls that a core keeps are written down as their numbers.
impl Serialize for crate::v1::scheduler::call::Type {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i32((*self).into())
    }
}

impl<'de> Deserialize<'de> for crate::v1::scheduler::call::Type {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i32::deserialize(deserializer).map(|number| Self::try_from(number).unwrap_or_default())
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.name(), Raw(self.recorded().into())).serialize(serializer)
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
    fn what_is_secret_is_not_written() {
        let secret = |data: &'static str| v1::Secret {
            r#type: Some(v1::secret::Type::Value.into()),
            value: Some(v1::secret::Value { data: data.into() }),
            ..v1::Secret::default()
        };
        let variable = v1::environment::Variable {
            name: "PASSWORD".to_owned(),
            r#type: Some(v1::environment::variable::Type::Secret.into()),
            secret: Some(secret("hunter2")),
            ..v1::environment::Variable::default()
        };
        let command = v1::CommandInfo {
            environment: Some(v1::Environment { variables: vec![variable] }),
            value: Some("true".to_owned()),
            ..v1::CommandInfo::default()
        };
        let task = v1::TaskInfo { command: Some(command), ..v1::TaskInfo::default() };
        let run = Message::from(internal::RunTaskMessage { task, ..internal::RunTaskMessage::default() });
        let credential = v1::Credential { principal: "me".to_owned(), secret: Some("hunter2".to_owned()) };
        let publish = v1::volume::source::CsiVolume {
            static_provisioning: Some(v1::volume::source::csi_volume::StaticProvisioning {
                node_publish_secrets: [("key".to_owned(), secret("hunter2"))].into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let written = serde_json::to_string(&(&run, &credential, &publish)).unwrap();
        let hidden = format!("{:?}", b"hunter2").replace(' ', "");
        assert!(!written.contains(hidden.trim_matches(['[', ']'])), "{written}");
        let (read, credential, publish): (Message, v1::Credential, v1::volume::source::CsiVolume) =
            serde_json::from_str(&written).unwrap();
        assert_eq!(credential.secret.as_deref(), Some("*******"));
        assert_eq!(credential.principal, "me");
        let secrets = publish.static_provisioning.unwrap().node_publish_secrets;
        assert_eq!(secrets["key"], secret("*******"));
        let Message::RunTask(run) = read else { panic!("another message: {read:?}") };
        assert_eq!(run.task.command.unwrap().value.as_deref(), Some("true"));
    }

    #[test]
    fn what_nobody_can_read_is_blanked_as_a_whole() {
        let mut bytes = *b"\x0a\x7fsecret";
        let descriptor = <v1::TaskInfo as tepui_wire_protobuf::Described>::DESCRIPTOR;
        tepui_wire_protobuf::secrets::blank(&mut bytes, descriptor).unwrap_err();
        assert_eq!(&bytes, b"********");
    }

    #[test]
    fn what_is_no_message_is_refused_with_its_reason() {
        let refused =
            serde_json::from_str::<Message>(r#"["mesos.internal.KillTaskMessage", [8]]"#).unwrap_err();
        assert!(refused.to_string().contains("malformed mesos.internal.KillTaskMessage"), "{refused}");
        assert!(serde_json::from_str::<v1::TaskId>("[8]").is_err());
    }
}
