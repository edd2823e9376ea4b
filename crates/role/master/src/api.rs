//! The v1 HTTP APIs: schedulers' and operators'.

mod operator;
mod scheduler;

pub(crate) use operator::call as operator;
pub(crate) use scheduler::call as scheduler;
