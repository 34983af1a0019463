//! Panics are faults of nbvet itself: caught for each notebook, so that the others go on, and told with the place
//! in our code.

use std::{
    cell::RefCell,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
};

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps the message of a panic for [`catch`] instead of printing it; with `RUST_BACKTRACE` it is printed too.
pub(crate) fn install() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        LAST.with_borrow_mut(|last| *last = Some(told(info)));
        if std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
            print(info);
        }
    }));
}

fn told(info: &PanicHookInfo<'_>) -> String {
    let message = info.payload_as_str().unwrap_or("a panic without a message");
    match info.location() {
        Some(place) => format!("{message} ({}:{})", place.file(), place.line()),
        None => message.to_owned(),
    }
}

/// Runs `work`; a panic in it becomes its message.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    // The state that `work` may have left half-changed is dropped with it: callers pass what they own.
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
        LAST.with_borrow_mut(Option::take)
            .unwrap_or_else(|| "a panic without a message".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_its_place_and_what_comes_after_goes_on() {
        install();
        let message = catch(|| -> u8 { panic!("the table has {} rows", 0) }).unwrap_err();
        assert!(
            message.starts_with("the table has 0 rows (") && message.contains("guard.rs:"),
            "{message}"
        );
        assert_eq!(catch(|| 7), Ok(7));
    }
}
