//! What a role can be told, declared once.
//!
//! [`settings!`] makes of one declaration (name, type, default, check, words for people) the typed struct that code
//! reads, its `Default`, and the table from which everything else comes: flags and their help, keys of the TOML file,
//! variables of the environment, `/flags`, and the reference page `docs/settings.md`.
//!
//! ```
//! use std::time::Duration;
//! use tepui_core_settings::{Given, Origin, Settings as _, check, layered, settings};
//!
//! settings! {
//!     /// What a kettle is told.
//!     #[derive(Clone, Debug)]
//!     pub struct Kettle {
//!         /// How long it keeps the water warm.
//!         keep_warm: Duration = Duration::from_secs(600), check(check::positive);
//!         /// Name on its side (default: none).
//!         label: Option<String> = None, short('l');
//!     }
//! }
//!
//! let text = |name, text: &str| Given { name, text: text.to_owned(), origin: Origin::Flag };
//! let kettle: Kettle = layered([text("keep_warm", "2mins"), text("label", "tea")])?;
//! assert_eq!((kettle.keep_warm, kettle.label.as_deref()), (Duration::from_secs(120), Some("tea")));
//!
//! let error = layered::<Kettle>([text("keep_warm", "0secs")]).unwrap_err();
//! assert_eq!(error.to_string(), "--keep-warm must be longer than nothing");
//! assert_eq!(Kettle::default().table()[0].value, "10mins");
//! # Ok::<(), tepui_core_settings::Invalid>(())
//! ```
//!
//! Must not live here: files, the environment and the command line themselves (the binary looks into them), and what any
//! setting means.

pub mod check;
mod declare;
mod layers;
mod nearest;
#[cfg(test)]
mod tests;
mod value;

pub use declare::{Check, Declared, Problem, Setting, Settings, find, flags};
pub use layers::{Given, Invalid, Origin, layered};
pub use nearest::nearest;
pub use value::{Value, Words};
