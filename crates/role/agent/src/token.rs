//! The tokens that executors show with their calls: JSON web tokens, signed with HMAC and SHA-256.
//! Must not live here: who has to show one, and of whom.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use tepui_core_agent::Claims;
use tepui_model::Tick;

/// The key that tokens are signed with. Nothing here shows it.
#[derive(Clone)]
pub(crate) struct SecretKey(Hmac<Sha256>);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

impl SecretKey {
    /// A key of these bytes; `None` if there are none.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(bytes).ok().filter(|_| !bytes.is_empty()).map(Self)
    }

    /// A token for an executor. It does not expire: it is good as long as the executor's container.
    pub(crate) fn token(&self, claims: &Claims) -> String {
        let header = json!({"alg": "HS256", "typ": "JWT"});
        let Claims { framework, executor, container } = claims;
        let payload = json!({"cid": container, "eid": executor, "fid": framework});
        let signed = format!("{}.{}", encode(&header), encode(&payload));
        let signature = URL_SAFE_NO_PAD.encode(self.0.clone().chain_update(&signed).finalize().into_bytes());
        format!("{signed}.{signature}")
    }

    /// Reads a token.
    ///
    /// # Errors
    /// Says what is wrong with it; nothing of the key.
    pub(crate) fn verify(&self, token: &str, now: Tick) -> Result<Claims, String> {
        let parts: Vec<&str> = token.split('.').collect();
        let [header, payload, signature] = parts[..] else {
            return Err(format!("Expected 3 components in token, got {}", parts.len()));
        };
        let fields = decode(header).map_err(|error| format!("Failed to decode token header: {error}"))?;
        match fields.get("alg").and_then(Value::as_str) {
            Some("HS256") if !fields.contains_key("crit") => {}
            Some("HS256") => return Err("Token 'crit' field is unsupported".to_owned()),
            Some(other) => return Err(format!("Unsupported token algorithm: {}", printable(other))),
            None => return Err("Failed to locate 'alg' in token JSON header".to_owned()),
        }
        let signature = URL_SAFE_NO_PAD
            .decode(signature.trim_end_matches('='))
            .map_err(|_| "Failed to base64url-decode token signature".to_owned())?;
        let signed = &token[..header.len() + 1 + payload.len()];
        self.0
            .clone()
            .chain_update(signed)
            .verify_slice(&signature)
            .map_err(|_| "Token signature does not match".to_owned())?;
        let fields = decode(payload).map_err(|error| format!("Failed to decode token payload: {error}"))?;
        match fields.get("exp").map(Value::as_f64) {
            None => {}
            Some(None) => return Err("JSON payload 'exp' field is not a number".to_owned()),
            Some(Some(expires)) if expires < now.as_secs_f64() => return Err("Token has expired".to_owned()),
            Some(Some(_)) => {}
        }
        let claim = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Claims { framework: claim("fid"), executor: claim("eid"), container: claim("cid") })
    }
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn decode(part: &str) -> Result<Map<String, Value>, String> {
    let bytes = URL_SAFE_NO_PAD
        .decode(part.trim_end_matches('='))
        .map_err(|_| "Failed to base64url-decode".to_owned())?;
    serde_json::from_slice(&bytes).map_err(|_| "Failed to parse into JSON".to_owned())
}

/// What may stand in a header field.
fn printable(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() && *c != '"' && *c != '\\').take(40).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Tick = Tick::from_nanos(1_800_000_000_000_000_000);

    fn claims() -> Claims {
        Claims { framework: "f".to_owned(), executor: "e".to_owned(), container: "c".to_owned() }
    }

    fn signed(key: &str, header: &Value, payload: &Value) -> String {
        let signed = format!("{}.{}", encode(header), encode(payload));
        let mac = SecretKey::new(key.as_bytes()).unwrap().0;
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.chain_update(&signed).finalize().into_bytes()))
    }

    /// The example of RFC 7515, A.1, with a key of its own kind.
    #[test]
    fn a_token_that_others_made() {
        let key = URL_SAFE_NO_PAD
            .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
            .unwrap();
        let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
                     eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
                     dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let key = SecretKey::new(&key).unwrap();
        assert_eq!(key.verify(token, Tick::ZERO), Ok(Claims::default()));
        assert_eq!(key.verify(token, NOW), Err("Token has expired".to_owned()));
    }

    #[test]
    fn tokens_come_back() {
        let key = SecretKey::new(b"secret").unwrap();
        assert_eq!(key.verify(&key.token(&claims()), NOW), Ok(claims()));
        assert!(SecretKey::new(b"").is_none());
        assert!(!format!("{key:?}").contains("secret"));
    }

    #[test]
    fn wrong_tokens() {
        let key = SecretKey::new(b"secret").unwrap();
        let good = key.token(&claims());
        let (head, signature) = good.rsplit_once('.').unwrap();
        let header = json!({"alg": "HS256"});
        let past = (NOW.as_secs_f64() - 1.0, Duration::ZERO).0;
        for (token, words) in [
            (String::new(), "Expected 3 components in token, got 1"),
            ("a.b".to_owned(), "Expected 3 components in token, got 2"),
            (format!("{head}.{signature}.x"), "Expected 3 components in token, got 4"),
            (format!("!.{good}").replacen("..", ".", 1), "Expected 3 components in token, got 4"),
            (format!("x.y.{signature}"), "Failed to decode token header"),
            (format!("{head}."), "Token signature does not match"),
            (format!("{head}.!"), "Failed to base64url-decode token signature"),
            (SecretKey::new(b"other").unwrap().token(&claims()), "Token signature does not match"),
            (signed("secret", &json!({"alg": "none"}), &json!({})), "Unsupported token algorithm: none"),
            (signed("secret", &json!({}), &json!({})), "Failed to locate 'alg'"),
            (signed("secret", &json!({"alg": "HS256", "crit": []}), &json!({})), "'crit'"),
            (signed("secret", &header, &json!({"exp": past})), "Token has expired"),
            (signed("secret", &header, &json!({"exp": "x"})), "'exp' field is not a number"),
        ] {
            let error = key.verify(&token, NOW).unwrap_err();
            assert!(error.contains(words), "{token}: {error}");
        }
    }
}
