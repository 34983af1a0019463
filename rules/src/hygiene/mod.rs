//! Good order.

pub(crate) mod unused_suppression;
