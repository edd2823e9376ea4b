//! What the answers of Mesos's HTTP APIs mean to a client's core: the one place where their numbers are weighed for it.

use tepui_model::{Fate, Fault, Loss, Prospect, Reply};

/// What became of a call that was answered so.
pub fn fate(reply: Reply) -> Fate {
    let fault = match reply.status {
        200..=299 => return Fate::Taken,
        400 | 413 | 415 | 501 => Fault::Call,
        // The subscription is not known any more, or somebody else leads now.
        307 | 403 => Fault::Subscription,
        _ => Fault::Peer,
    };
    Fate::Refused { fault, reply }
}

/// Why a SUBSCRIBE that was answered so led to no stream; `location` is where the answer pointed.
pub fn refusal(reply: &Reply, location: Option<&str>) -> Loss {
    let Reply { status, body } = reply;
    let prospect = match (status, location) {
        // A peer that is starting answers 404 before its routes are there and 503 before it has recovered.
        (404 | 408 | 429 | 500..=599, _) => Prospect::Later,
        (400..=499, _) => Prospect::Never,
        (301 | 302 | 303 | 307 | 308, Some(location)) => Prospect::Elsewhere(location.to_owned()),
        _ => Prospect::Unclear,
    };
    let words = if body.is_empty() { status.to_string() } else { format!("{status}: {body}") };
    Loss::Refused { prospect, words }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_subscriber_may_hope_for() {
        let elsewhere = || Prospect::Elsewhere("//m2:5050".to_owned());
        for (status, location, expected) in [
            (307, Some("//m2:5050"), elsewhere()),
            (301, Some("//m2:5050"), elsewhere()),
            (307, None, Prospect::Unclear),
            (202, None, Prospect::Unclear),
            (304, Some("//m2:5050"), Prospect::Unclear),
            (400, None, Prospect::Never),
            (401, None, Prospect::Never),
            (403, None, Prospect::Never),
            (415, None, Prospect::Never),
            (404, None, Prospect::Later),
            (408, None, Prospect::Later),
            (429, None, Prospect::Later),
            (500, None, Prospect::Later),
            (503, Some("//m2:5050"), Prospect::Later),
        ] {
            let words = format!("{status}: words");
            let expected = Loss::Refused { prospect: expected, words };
            assert_eq!(refusal(&Reply::error(status, "words"), location), expected);
        }
        let loss = refusal(&Reply::error(503, ""), None);
        assert_eq!(loss.to_string(), "SUBSCRIBE was answered with 503");
    }

    #[test]
    fn whose_fault_a_refusal_is() {
        for (status, fault) in [
            (400, Fault::Call),
            (413, Fault::Call),
            (415, Fault::Call),
            (501, Fault::Call),
            (307, Fault::Subscription),
            (403, Fault::Subscription),
            (401, Fault::Peer),
            (404, Fault::Peer),
            (500, Fault::Peer),
            (503, Fault::Peer),
        ] {
            let reply = Reply::error(status, "no");
            assert_eq!(fate(reply.clone()), Fate::Refused { fault, reply });
        }
        assert_eq!([fate(Reply::ok()), fate(Reply::accepted())], [Fate::Taken, Fate::Taken]);
    }
}
