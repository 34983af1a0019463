//! What went over the wire, for figures that do not depend on load.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a client has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests, repeated ones counted each time.
    pub requests: u64,
    /// Bytes of bodies that were sent.
    pub bytes_sent: u64,
    /// Bytes of bodies that were received.
    pub bytes_received: u64,
    /// Blobs that a registry took from another of its repositories.
    pub blobs_mounted: u64,
    /// Blobs that a registry already had.
    pub blobs_skipped: u64,
    /// Blobs that were sent.
    pub blobs_sent: u64,
}

impl std::ops::Sub for Traffic {
    type Output = Self;

    /// What was done between two readings.
    fn sub(self, before: Self) -> Self {
        Self {
            requests: self.requests - before.requests,
            bytes_sent: self.bytes_sent - before.bytes_sent,
            bytes_received: self.bytes_received - before.bytes_received,
            blobs_mounted: self.blobs_mounted - before.blobs_mounted,
            blobs_skipped: self.blobs_skipped - before.blobs_skipped,
            blobs_sent: self.blobs_sent - before.blobs_sent,
        }
    }
}

/// The counters behind [`Traffic`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) bytes_received: AtomicU64,
    pub(crate) blobs_mounted: AtomicU64,
    pub(crate) blobs_skipped: AtomicU64,
    pub(crate) blobs_sent: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, amount: usize) {
        counter.fetch_add(amount as u64, Relaxed);
    }

    pub(crate) fn read(&self) -> Traffic {
        Traffic {
            requests: self.requests.load(Relaxed),
            bytes_sent: self.bytes_sent.load(Relaxed),
            bytes_received: self.bytes_received.load(Relaxed),
            blobs_mounted: self.blobs_mounted.load(Relaxed),
            blobs_skipped: self.blobs_skipped.load(Relaxed),
            blobs_sent: self.blobs_sent.load(Relaxed),
        }
    }
}
