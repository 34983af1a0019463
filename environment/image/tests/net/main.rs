//! The client against real servers, and against servers that fail on purpose.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod faults;
mod http;
mod image;
mod index;
mod lying;
mod registry;
mod resolve;
mod served;
mod tokens;
