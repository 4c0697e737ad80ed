//! A client's table of the buffers that it has received.

use heapless::Vec;

use crate::MAX_BUFFERS;

/// Buffers by id; `B` is the client's representation of one.
#[derive(Debug)]
pub struct Table<B, const N: usize = MAX_BUFFERS>(Vec<(u32, B), N>);

impl<B, const N: usize> Default for Table<B, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<B, const N: usize> Table<B, N> {
    /// Adds a buffer, replacing one with the same id. Returns the buffer as an error if the table
    /// is full, which an honest host never causes.
    pub fn insert(&mut self, id: u32, buffer: B) -> Result<(), B> {
        self.unregister(id);
        self.0.push((id, buffer)).map_err(|(_, buffer)| buffer)
    }

    /// Removes a buffer.
    pub fn unregister(&mut self, id: u32) {
        self.0.retain(|(own, _)| *own != id);
    }

    /// Returns the buffer with this id.
    pub fn get(&self, id: u32) -> Option<&B> {
        self.0.iter().find(|(own, _)| *own == id).map(|(_, b)| b)
    }

    /// Iterates over all buffers.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut B> {
        self.0.iter_mut().map(|(_, b)| b)
    }
}

/// Finds a buffer with `look`. While that finds nothing, handles one more message of the host with
/// `pump`, which returns whether there was one. Call this with `contents` locked against all other
/// threads of the client.
///
/// # Errors
/// Those of `pump`.
pub fn find<T, B, E>(
    contents: &mut T,
    look: impl Fn(&T) -> Option<B>,
    mut pump: impl FnMut(&mut T) -> Result<bool, E>,
) -> Result<Option<B>, E> {
    loop {
        if let Some(buffer) = look(contents) {
            return Ok(Some(buffer));
        }
        if !pump(contents)? {
            return Ok(None);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_bounded_and_forgets() {
        let mut table = Table::<_, 2>::default();
        assert_eq!(table.insert(1, 'a'), Ok(()));
        assert_eq!(table.insert(2, 'b'), Ok(()));
        assert_eq!(table.insert(2, 'c'), Ok(()));
        assert_eq!(table.insert(3, 'd'), Err('d'));
        assert_eq!(table.get(2), Some(&'c'));
        table.unregister(2);
        assert_eq!(table.get(2), None);
        assert_eq!(table.insert(3, 'd'), Ok(()));
    }

    #[test]
    fn messages_are_taken_only_until_the_buffer_is_there() {
        let mut left = [1, 2, 3].into_iter();
        let mut table = Table::<_, 4>::default();
        let mut pump = |table: &mut Table<u32, 4>| {
            let next = left.next().map(|id| table.insert(id, id));
            Ok::<_, ()>(next.is_some())
        };
        let look = |id| move |table: &Table<u32, 4>| table.get(id).copied();
        assert_eq!(find(&mut table, look(2), &mut pump), Ok(Some(2)));
        assert_eq!(table.get(3), None);
        assert_eq!(find(&mut table, look(9), &mut pump), Ok(None));
        assert_eq!(table.get(3), Some(&3));
    }
}
