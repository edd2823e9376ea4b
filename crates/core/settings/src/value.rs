//! Types of settings: how each is read from text and shown as text. What is shown can be read.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::PathBuf,
    time::Duration,
};

use tepui_model::{Size, format_duration, parse_duration};

/// A type that a setting can have.
pub trait Value: Sized {
    /// What stands in place of a value in help.
    const PLACEHOLDER: &'static str;
    /// Whether it holds several values, with commas between them.
    const LIST: bool = false;
    /// Whether a flag without a value means `true`.
    const SWITCH: bool = false;

    /// Reads it.
    ///
    /// # Errors
    /// What was expected. It does not repeat the text, which may be a secret.
    fn read(text: &str) -> Result<Self, String>;

    /// Shows it as [`read`](Self::read) reads it; empty: there is none.
    fn show(&self) -> String;
}

/// A type with a few values that have names.
pub trait Words: Copy + PartialEq + 'static {
    /// The names, with what each means.
    const WORDS: &'static [(&'static str, Self)];
}

impl<T: Words> Value for T {
    const PLACEHOLDER: &'static str = "WORD";

    fn read(text: &str) -> Result<Self, String> {
        let found = T::WORDS.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
            format!("it is neither {}", words.join(" nor "))
        })
    }

    fn show(&self) -> String {
        let found = T::WORDS.iter().find(|(_, value)| value == self);
        found.map(|(word, _)| (*word).to_owned()).unwrap_or_default()
    }
}

/// Whole numbers: what fits into the type.
macro_rules! whole_numbers {
    ($($type:ty)*) => {$(
        impl Value for $type {
            const PLACEHOLDER: &'static str = "NUMBER";

            fn read(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| format!("expected a whole number from 0 to {}", Self::MAX))
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

whole_numbers!(u16 u32 usize);

impl Value for Size {
    const PLACEHOLDER: &'static str = "SIZE";

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "expected a size, such as 512MB or 1GB".to_owned())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for f64 {
    const PLACEHOLDER: &'static str = "NUMBER";

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "expected a number".to_owned())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for bool {
    const PLACEHOLDER: &'static str = "BOOL";
    const SWITCH: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "expected true or false".to_owned())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    const PLACEHOLDER: &'static str = "TEXT";

    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Value for PathBuf {
    const PLACEHOLDER: &'static str = "PATH";

    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("expected a path".to_owned()) } else { Ok(text.into()) }
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Value for IpAddr {
    const PLACEHOLDER: &'static str = "IP";

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "expected an address, such as 127.0.0.1".to_owned())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for Duration {
    const PLACEHOLDER: &'static str = "DURATION";

    fn read(text: &str) -> Result<Self, String> {
        let expected =
            "expected a number and its unit (ns, us, ms, secs, mins, hrs, days or weeks), such as 5secs";
        parse_duration(text).map_err(|_| expected.to_owned())
    }

    fn show(&self) -> String {
        format_duration(*self)
    }
}

/// An empty text is nothing: so a flag can take back what the file says.
impl<T: Value> Value for Option<T> {
    const PLACEHOLDER: &'static str = T::PLACEHOLDER;
    const LIST: bool = T::LIST;
    const SWITCH: bool = T::SWITCH;

    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::read(text).map(Some) }
    }

    fn show(&self) -> String {
        self.as_ref().map(T::show).unwrap_or_default()
    }
}

/// What stands between commas.
fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

impl<T: Value + Ord> Value for BTreeSet<T> {
    const PLACEHOLDER: &'static str = "NAME,...";
    const LIST: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        items(text).map(T::read).collect()
    }

    fn show(&self) -> String {
        self.iter().map(T::show).collect::<Vec<_>>().join(",")
    }
}

impl<T: Value> Value for BTreeMap<String, T> {
    const PLACEHOLDER: &'static str = "KEY=VALUE,...";
    const LIST: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        let one = |item: &str| match item.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                let value = T::read(value).map_err(|expected| format!("the value of '{key}': {expected}"))?;
                Ok((key.to_owned(), value))
            }
            _ => Err("expected KEY=VALUE, comma separated".to_owned()),
        };
        items(text).map(one).collect()
    }

    fn show(&self) -> String {
        self.iter().map(|(key, value)| format!("{key}={}", value.show())).collect::<Vec<_>>().join(",")
    }
}
