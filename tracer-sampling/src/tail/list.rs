//! Doubly linked lists through the entries of a vector.
//!
//! The links are positions in the vector, so an entry can leave a list in constant time without
//! unsafe code. An entry can be in several lists if it has several [`Links`]. Each operation takes
//! a function that selects the links of its list.

/// The neighbours of an entry in one list.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Links {
    previous: Option<u32>,
    next: Option<u32>,
}

/// The ends of a list.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct List {
    head: Option<u32>,
    tail: Option<u32>,
}

/// Selects the links of an entry that belong to one list.
pub(super) type Select<T> = fn(&mut T) -> &mut Links;

impl List {
    /// Appends an entry that is not in a list by these links.
    pub(super) fn push_back<T>(&mut self, entries: &mut [T], at: u32, select: Select<T>) {
        let previous = self.tail;
        if let Some(entry) = entries.get_mut(at as usize) {
            *select(entry) = Links {
                previous,
                next: None,
            };
        }
        match previous.and_then(|tail| entries.get_mut(tail as usize)) {
            Some(tail) => select(tail).next = Some(at),
            None => self.head = Some(at),
        }
        self.tail = Some(at);
    }

    /// Removes an entry that is in this list.
    pub(super) fn remove<T>(&mut self, entries: &mut [T], at: u32, select: Select<T>) {
        let Some(entry) = entries.get_mut(at as usize) else {
            return;
        };
        let Links { previous, next } = std::mem::take(select(entry));
        match previous.and_then(|previous| entries.get_mut(previous as usize)) {
            Some(previous) => select(previous).next = next,
            None => self.head = next,
        }
        match next.and_then(|next| entries.get_mut(next as usize)) {
            Some(next) => select(next).previous = previous,
            None => self.tail = previous,
        }
    }

    /// Returns the position of the first entry.
    pub(super) fn head(&self) -> Option<u32> {
        self.head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(entry: &mut Links) -> &mut Links {
        entry
    }

    fn order(list: List, entries: &[Links]) -> Vec<u32> {
        let forward: Vec<u32> =
            std::iter::successors(list.head, |at| entries[*at as usize].next).collect();
        let mut backward: Vec<u32> =
            std::iter::successors(list.tail, |at| entries[*at as usize].previous).collect();
        backward.reverse();
        assert_eq!(forward, backward);
        forward
    }

    #[test]
    fn entries_leave_from_the_head_the_middle_and_the_tail() {
        let mut entries = [Links::default(); 5];
        let mut list = List::default();
        for at in 0..5 {
            list.push_back(&mut entries, at, links);
        }
        assert_eq!(order(list, &entries), [0, 1, 2, 3, 4]);
        for (at, left) in [(2, vec![0, 1, 3, 4]), (0, vec![1, 3, 4]), (4, vec![1, 3])] {
            list.remove(&mut entries, at, links);
            assert_eq!(order(list, &entries), left);
        }
        list.push_back(&mut entries, 0, links);
        assert_eq!(order(list, &entries), [1, 3, 0]);
        for at in [1, 3, 0] {
            list.remove(&mut entries, at, links);
        }
        assert_eq!(order(list, &entries), Vec::<u32>::new());
    }
}
