//! A file in a sandbox, read as it grows.

use bytes::Bytes;

use crate::api::{Api, Unanswered};

/// A place in a file on an agent.
#[derive(Debug)]
pub(crate) struct Tail {
    agent: Api,
    path: String,
    offset: u64,
}

impl Tail {
    /// The beginning of `file` in the sandbox at the (virtual) path `sandbox`.
    pub(crate) fn new(agent: Api, sandbox: String, file: &str) -> Self {
        Self { agent, path: format!("{sandbox}/{file}"), offset: 0 }
    }

    /// Whether there is such a file.
    pub(crate) async fn exists(&self) -> Result<bool, Unanswered> {
        Ok(self.agent.read_file(&self.path, 0).await?.is_some())
    }

    /// What was written since the last time; none: nothing now.
    pub(crate) async fn read(&mut self) -> Result<Option<Bytes>, Unanswered> {
        let data = self.agent.read_file(&self.path, self.offset).await?.unwrap_or_default();
        self.offset += data.len() as u64;
        Ok(Some(data).filter(|data| !data.is_empty()))
    }
}
