//! Whose token an executor shows with its calls. Must not live here: tokens, which are made and read by whoever has the key.

use serde::{Deserialize, Serialize};
use tepui_model::{ContainerId, ExecutorId, FrameworkId};

/// Whose a token is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The framework (`fid`).
    pub framework: String,
    /// The executor (`eid`).
    pub executor: String,
    /// Its container (`cid`): an earlier run of the executor is another one.
    pub container: String,
}

impl Claims {
    /// Whether a call of this executor may be made with the token.
    pub(crate) fn check(
        &self,
        framework: &FrameworkId,
        executor: &ExecutorId,
        container: &ContainerId,
    ) -> Result<(), String> {
        let Self { framework: fid, executor: eid, container: cid } = self;
        let who =
            format!("Authenticated principal '{{cid: {cid}, eid: {eid}, fid: {fid}}}' does not contain");
        if fid != framework.as_str() {
            Err(format!("{who} an 'fid' claim with the framework ID {framework}, which is set in the call"))
        } else if eid != executor.as_str() {
            Err(format!("{who} an 'eid' claim with the executor ID {executor}, which is set in the call"))
        } else if cid != container.as_str() {
            Err(format!("{who} a 'cid' claim with the correct active ContainerID"))
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims { framework: "f".to_owned(), executor: "e".to_owned(), container: "c".to_owned() }
    }

    #[test]
    fn claims_are_those_of_the_call() {
        let check = |framework: &str, executor: &str, container: &str| {
            claims().check(&framework.into(), &executor.into(), &ContainerId::new(container))
        };
        assert_eq!(check("f", "e", "c"), Ok(()));
        for (framework, executor, container, words) in
            [("x", "e", "c", "'fid'"), ("f", "x", "c", "'eid'"), ("f", "e", "x", "'cid'")]
        {
            assert!(check(framework, executor, container).unwrap_err().contains(words));
        }
    }
}
