//! HTTP serving and calling, streaming bodies with bounded queues, libprocess links.
