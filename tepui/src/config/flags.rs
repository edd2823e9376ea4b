//! Flags of a role, made from its declaration. Must not live here: any one setting.

use std::{marker::PhantomData, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, error::Error, value_parser};
use tepui_core_settings::{Given, Origin, Setting, Settings};

/// The file's flag, which is no setting.
const CONFIG: &str = "config";

/// What was said on the command line to a role whose settings are `S`. Nothing has looked at the values yet.
#[derive(Debug)]
pub(crate) struct Flags<S> {
    /// The file that says more.
    pub(crate) config: Option<PathBuf>,
    /// Values of settings.
    pub(crate) given: Vec<Given>,
    settings: PhantomData<S>,
}

impl<S: Settings> Args for Flags<S> {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("TOML file with these flags as keys, at its top or in the table of the role [env: TEPUI_CONFIG]");
        command.arg(config).args(S::default().table().iter().map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: Settings> FromArgMatches for Flags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = |setting: Setting| {
            let values: Vec<&str> = matches.get_many::<String>(setting.name)?.map(String::as_str).collect();
            Some(Given { name: setting.name, text: values.join(","), origin: Origin::Flag })
        };
        Ok(Self {
            config: matches.get_one(CONFIG).cloned(),
            given: S::default().table().into_iter().filter_map(given).collect(),
            settings: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn argument(setting: &Setting) -> Arg {
    let key = setting.key();
    let spellings = setting.names().flat_map(|name| [name.to_owned(), name.replace('_', "-")]);
    let aliases: Vec<String> = spellings.filter(|name| *name != key).collect();
    let argument = Arg::new(setting.name)
        .short(setting.short)
        .value_name(setting.placeholder)
        .help(help(setting))
        .action(if setting.list { ArgAction::Append } else { ArgAction::Set })
        .aliases(aliases)
        .long(key);
    if setting.switch { argument.num_args(0..=1).default_missing_value("true") } else { argument }
}

/// Its words, and where else it may be said. No value of the environment is shown: it may be a secret.
fn help(setting: &Setting) -> String {
    let words = setting.help.trim_end_matches('.');
    let default =
        if setting.value.is_empty() { String::new() } else { format!(" [default: {}]", setting.value) };
    format!("{words} [env: {}]{default}", setting.variable())
}
