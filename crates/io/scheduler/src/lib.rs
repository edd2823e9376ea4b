//! SchedulerDriver: write a scheduler for Mesos or tepui.
