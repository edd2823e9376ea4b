//! ExecutorDriver: write an executor for Mesos or tepui.
