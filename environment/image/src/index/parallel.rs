//! A few threads over many items.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// What a function gives for each item, in their order; after an error no more items are begun, and of several errors
/// the one of the first item is told.
pub(crate) fn each<T: Sync, R: Send, E: Send>(
    items: &[T],
    threads: usize,
    of: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let is_over = AtomicBool::new(false);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let work = || {
        while !is_over.load(Ordering::Relaxed) {
            let position = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(position) else { return };
            let result = of(item);
            if result.is_err() {
                is_over.store(true, Ordering::Relaxed);
            }
            done.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((position, result));
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.min(items.len()) {
            scope.spawn(work);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(position, _)| *position);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::each;

    #[test]
    fn results_stand_in_the_order_of_the_items_and_the_first_error_is_told() {
        let items: Vec<u32> = (0..100).collect();
        let doubled = each(&items, 7, |item| Ok::<_, u32>(item * 2));
        assert_eq!(doubled, Ok((0..100).map(|item| item * 2).collect()));
        let failed = each(&items, 7, |item| if *item == 40 { Err(*item) } else { Ok(()) });
        assert_eq!(failed, Err(40));
        assert_eq!(each(&[] as &[u32], 7, |item| Err::<(), _>(*item)), Ok(Vec::new()));
    }
}
