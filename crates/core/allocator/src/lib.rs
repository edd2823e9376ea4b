//! Who is offered what: the role tree, weighted DRF, quota and filters.
