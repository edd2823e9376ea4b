//! What is wanted against what is offered: pieces of an offer for a task, or the reasons why it does not fit.
//!
//! [`Offered`] is an offer with what is left of it, [`Wanted`] what one task or executor needs. [`Offered::take`]
//! gives all of it or nothing, as real pieces of the offer: reservations, allocation and numbers of ports are the
//! offer's own. Whoever comes first is served first; an offer is packed by taking until nothing fits. Why something
//! does not fit is a list of [`Lack`]s; a [`Tally`] counts them over many agents.
//!
//! Not here: which tasks there are, and in which order; what is done with offers that are not used.

mod lack;
mod offered;
mod tally;
#[cfg(test)]
mod tests;
mod wanted;

pub use lack::Lack;
pub use offered::Offered;
pub use tally::Tally;
pub use wanted::Wanted;
