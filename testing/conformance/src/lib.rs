//! Golden transcripts and foreign clients against tepui's own binary.
//!
//! Here is what the tests share: starting and ending processes on free loopback ports ([`process`]), a raw HTTP client
//! that shows every byte ([`http`]), the foreign programs that `cargo xtask setup` installs ([`peers`]), clusters of
//! ours and of the genuine Mesos ([`cluster`]), and the comparison with recorded exchanges ([`golden`]).
//!
//! Nothing of tepui is linked in: its binary is met from outside, as everybody else meets it.

pub mod cluster;
pub mod golden;
pub mod http;
pub mod peers;
pub mod process;

/// Whatever went wrong, in words.
pub type Problem = Box<dyn std::error::Error + Send + Sync>;

/// What most of this crate returns.
pub type Outcome<T = ()> = Result<T, Problem>;
