//! The client machines: executor driver and scheduler driver.
