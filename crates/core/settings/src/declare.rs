//! The declaration: [`settings!`](crate::settings), and what it makes.

use std::{collections::BTreeMap, marker::PhantomData};

use crate::Value;

/// One setting as it is seen by everything that does not know its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// As Mesos spells flags: `work_dir`.
    pub name: &'static str,
    /// Further spellings that are understood: Mesos's names of before.
    pub aliases: &'static [&'static str],
    /// The flag of one letter.
    pub short: Option<char>,
    /// What stands in place of a value in help: `DURATION`.
    pub placeholder: &'static str,
    /// What it means, for people; may have several lines.
    pub help: String,
    /// Its value; the default where nobody said anything. Empty: none.
    pub value: String,
    /// It holds several values, with commas between them.
    pub list: bool,
    /// It is `true` where a flag stands without a value.
    pub switch: bool,
    /// Its value is shown to nobody.
    pub secret: bool,
    /// Mesos has no such flag, so that `/flags` does not show it.
    pub ours: bool,
}

impl Setting {
    /// As flags and keys of files are spelled: `work-dir`.
    pub fn key(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The variable of the environment: `TEPUI_WORK_DIR`.
    pub fn variable(&self) -> String {
        format!("TEPUI_{}", self.name.to_uppercase())
    }

    /// Mesos's variables of the environment, the one that wins last: `MESOS_WORK_DIR`.
    pub fn mesos_variables(&self) -> impl Iterator<Item = String> {
        self.names().rev().map(|name| format!("MESOS_{}", name.to_uppercase()))
    }

    /// Every spelling of its name with underscores, its own first.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &'static str> {
        [self.name].into_iter().chain(self.aliases.iter().copied())
    }
}

/// The setting that somebody means by `name`, however it is spelled.
pub fn find<'a>(settings: &'a [Setting], name: &str) -> Option<&'a Setting> {
    let name = name.replace('-', "_");
    settings.iter().find(|setting| setting.names().any(|known| known == name))
}

/// Every setting that has a value and a flag in Mesos, by Mesos's name: what `/flags` shows.
pub fn flags(settings: &impl Settings) -> BTreeMap<String, String> {
    let shown = |setting: &Setting| !setting.secret && !setting.ours && !setting.value.is_empty();
    let table = settings.table().into_iter().filter(shown);
    table.map(|setting| (setting.name.to_owned(), setting.value)).collect()
}

/// A value that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--{} {what}", name.replace('_', "-"))]
pub struct Problem {
    /// The setting's name.
    pub name: &'static str,
    /// What its value must be, and is not.
    pub what: String,
}

/// What [`settings!`](crate::settings) makes of a declaration. The default has every setting's default.
pub trait Settings: Default {
    /// Every setting with the value that it has here, in the order of the declaration.
    fn table(&self) -> Vec<Setting>;

    /// Gives the setting `name` the value that `text` says. `false`: there is no such setting.
    ///
    /// # Errors
    /// What was expected instead.
    fn read(&mut self, name: &str, text: &str) -> Result<bool, String>;

    /// Looks at every value, wherever it comes from.
    ///
    /// # Errors
    /// The first that cannot be.
    fn check(&self) -> Result<(), Problem>;
}

/// Looks at a value, and says what it must be instead.
pub type Check<T> = fn(&T) -> Result<(), String>;

/// The part of a declaration that stands behind the default, as the macro reads it: `short('p'), check(positive)`.
#[derive(Clone, Debug)]
pub struct Declared<T> {
    setting: Setting,
    check: Option<Check<T>>,
    value: PhantomData<T>,
}

impl<T: Value> Declared<T> {
    /// A setting of which nothing more is said.
    pub fn new(name: &'static str, help: &str) -> Self {
        let lines: Vec<&str> = help.lines().map(str::trim).collect();
        let setting = Setting {
            name,
            aliases: &[],
            short: None,
            placeholder: T::PLACEHOLDER,
            help: lines.join(" ").trim().to_owned(),
            value: String::new(),
            list: T::LIST,
            switch: T::SWITCH,
            secret: false,
            ours: false,
        };
        Self { setting, check: None, value: PhantomData }
    }

    /// It has a flag of one letter.
    #[must_use]
    pub fn short(mut self, letter: char) -> Self {
        self.setting.short = Some(letter);
        self
    }

    /// What stands in place of its value in help, where the type does not say enough.
    #[must_use]
    pub fn placeholder(mut self, placeholder: &'static str) -> Self {
        self.setting.placeholder = placeholder;
        self
    }

    /// Mesos knows it by these names as well.
    #[must_use]
    pub fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.setting.aliases = aliases;
        self
    }

    /// Its value is shown to nobody, neither by `/flags` nor in an error.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.setting.secret = true;
        self
    }

    /// Mesos has no such flag.
    #[must_use]
    pub fn ours(mut self) -> Self {
        self.setting.ours = true;
        self
    }

    /// What its value must be.
    #[must_use]
    pub fn check(mut self, check: Check<T>) -> Self {
        self.check = Some(check);
        self
    }

    /// With this value.
    pub fn with(mut self, value: &T) -> Setting {
        self.setting.value = value.show();
        self.setting
    }

    /// Looks at a value.
    ///
    /// # Errors
    /// It cannot be.
    pub fn verify(&self, value: &T) -> Result<(), Problem> {
        let verdict = self.check.map_or(Ok(()), |check| check(value));
        verdict.map_err(|what| Problem { name: self.setting.name, what })
    }
}

/// Declares settings: a struct with public fields, its `Default`, and [`Settings`].
///
/// Each field is `name: type = default`, with words for people as its documentation and, behind commas, what else is to
/// be known of it: see [`Declared`]. The name is Mesos's, with underscores. The type is a [`Value`]. Fields after `..`
/// hold the settings of a room below, which then belong to this role as well.
#[macro_export]
macro_rules! settings {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $Name:ident {
            $(
                $(#[doc = $doc:literal])+
                $field:ident: $type:ty = $default:expr $(, $word:ident($($argument:expr)?))*;
            )*
            $(.. $part:ident: $Part:ty;)*
        }
    ) => {
        $(#[$attribute])*
        $visibility struct $Name {
            $( $(#[doc = $doc])+ pub $field: $type, )*
            $( #[doc = concat!("Further settings: those of [`", stringify!($Part), "`].")] pub $part: $Part, )*
        }

        impl Default for $Name {
            fn default() -> Self {
                Self {
                    $( $field: $default, )*
                    $( $part: <$Part>::default(), )*
                }
            }
        }

        impl $crate::Settings for $Name {
            fn table(&self) -> Vec<$crate::Setting> {
                #[allow(unused_mut, reason = "there may be no further settings")]
                let mut table = vec![$(
                    $crate::Declared::<$type>::new(stringify!($field), concat!($($doc, "\n"),+))
                        $(.$word($($argument)?))*
                        .with(&self.$field),
                )*];
                $( table.extend($crate::Settings::table(&self.$part)); )*
                table
            }

            fn read(&mut self, name: &str, text: &str) -> Result<bool, String> {
                $(
                    if name == stringify!($field) {
                        self.$field = $crate::Value::read(text)?;
                        return Ok(true);
                    }
                )*
                $(
                    if $crate::Settings::read(&mut self.$part, name, text)? {
                        return Ok(true);
                    }
                )*
                Ok(false)
            }

            fn check(&self) -> Result<(), $crate::Problem> {
                $(
                    $crate::Declared::<$type>::new(stringify!($field), "")
                        $(.$word($($argument)?))*
                        .verify(&self.$field)?;
                )*
                $( $crate::Settings::check(&self.$part)?; )*
                Ok(())
            }
        }
    };
}
