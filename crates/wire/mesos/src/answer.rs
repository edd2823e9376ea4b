//! How the outcome of a call is said over HTTP: the only place where a refusal becomes a number.

use tepui_model::{Outcome, RefusalKind, Reply};

/// The answer that a caller gets.
pub fn answer(outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Done => Reply::ok(),
        Outcome::Accepted => Reply::accepted(),
        Outcome::Refused(refusal) => Reply::error(status(refusal.kind), refusal.words),
    }
}

const fn status(kind: RefusalKind) -> u16 {
    match kind {
        RefusalKind::Invalid => 400,
        RefusalKind::Forbidden => 403,
        RefusalKind::NotFound => 404,
        RefusalKind::Conflict => 409,
        RefusalKind::Failed => 500,
        RefusalKind::Unsupported => 501,
        RefusalKind::Unavailable => 503,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_have_the_numbers_that_clients_act_on() {
        let table = [
            (Outcome::Done, 200, ""),
            (Outcome::Accepted, 202, ""),
            (RefusalKind::Invalid.because("a").into(), 400, "a"),
            (RefusalKind::Forbidden.because("b").into(), 403, "b"),
            (RefusalKind::NotFound.because("c").into(), 404, "c"),
            (RefusalKind::Conflict.because("d").into(), 409, "d"),
            (RefusalKind::Failed.because("e").into(), 500, "e"),
            (RefusalKind::Unsupported.because("f").into(), 501, "f"),
            (RefusalKind::Unavailable.because("g").into(), 503, "g"),
        ];
        for (outcome, status, body) in table {
            assert_eq!(answer(outcome), Reply { status, body: body.to_owned() });
        }
    }
}
