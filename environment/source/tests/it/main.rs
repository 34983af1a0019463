//! Trees out of real repositories, over https, ssh and from the disk; and what hostile ones try.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![expect(clippy::print_stdout, reason = "a test that cannot run here says so")]

mod disk;
mod ground;
mod hostile;
mod https;
mod ssh;
