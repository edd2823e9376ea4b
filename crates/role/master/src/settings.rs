//! What an operator may say to a master: one declaration, from which flags, keys of the file, variables of the
//! environment, `/flags` and the reference come. Must not live here: what comes of it.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use tepui_core_settings::settings;

settings! {
    /// The settings of a master. Names and defaults are those of Mesos's flags where Mesos has one.
    #[derive(Clone, Debug)]
    pub struct Settings {
        /// Address to listen on. Loopback unless you say otherwise.
        ip: IpAddr = Ipv4Addr::LOCALHOST.into();
        /// Port to listen on; 0 for any free one.
        port: u16 = 5050, short('p');
        /// Address that others reach this master at, if it is not --ip.
        advertise_ip: Option<IpAddr> = None;
        /// Port that others reach this master at, if it is not --port.
        advertise_port: Option<u16> = None;
        /// Host name to show (default: the address).
        hostname: Option<String> = None;
        /// Directory for the registry: agents, frameworks and their deadlines. Empty: they are kept in memory only, and
        /// forgotten when the master ends.
        work_dir: Option<PathBuf> = Some("/var/lib/tepui/master".into());
        ..recording: tepui_recorder::Recording;
        ..core: tepui_core_master::Settings;
    }
}
