//! Ids of the wire as those of the model, and back. Must not live here: which ids are allowed.

use tepui_model::{AgentId, ContainerId, ExecutorId, FrameworkId, TaskId};

use crate::v1;

macro_rules! ids {
    ($($id:ident),*) => {$(
        impl From<&$id> for v1::$id {
            fn from(id: &$id) -> Self {
                Self { value: id.as_str().to_owned() }
            }
        }

        impl From<v1::$id> for $id {
            fn from(id: v1::$id) -> Self {
                Self::from(id.value)
            }
        }

        impl From<&v1::$id> for $id {
            fn from(id: &v1::$id) -> Self {
                Self::from(id.value.as_str())
            }
        }
    )*};
}

ids!(AgentId, ExecutorId, FrameworkId, TaskId);

impl From<&ContainerId> for v1::ContainerId {
    fn from(id: &ContainerId) -> Self {
        let parent = id.parent().map(|parent| Box::new(Self::from(parent)));
        Self { value: id.as_str().to_owned(), parent }
    }
}

impl From<&v1::ContainerId> for ContainerId {
    fn from(id: &v1::ContainerId) -> Self {
        match &id.parent {
            Some(parent) => Self::from(&**parent).child(id.value.as_str()),
            None => Self::new(id.value.as_str()),
        }
    }
}
