//! The record of buffers that one client has been sent.

use super::{Registry, Sent};
use crate::MAX_BUFFERS;

/// Ids of the buffers that a client has been sent, by index in the registry; 0 for none.
#[derive(Debug)]
pub(crate) struct Ledger<const N: usize = MAX_BUFFERS>([u32; N]);

impl<const N: usize> Default for Ledger<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Ledger<N> {
    /// Sends the buffers that the client lacks, until its queue is full. Skips those for which
    /// `send` returns [`Sent::Later`].
    pub(crate) fn send_lacking<M, E>(
        &mut self,
        registry: &Registry<M, N>,
        mut send: impl FnMut(u32, u64, &M) -> Result<Sent, E>,
    ) -> Result<Sent, E> {
        let mut all = Sent::Yes;
        for (index, id, size, memory) in registry.iter() {
            if self.0[index] == id {
                continue;
            }
            match send(id, size, memory)? {
                Sent::Yes => self.0[index] = id,
                Sent::Later => all = Sent::Later,
                not => return Ok(not),
            }
        }
        Ok(all)
    }

    /// Removes a buffer. Returns whether it was sent to the client, which must then be told.
    pub(crate) fn unregister(&mut self, id: u32) -> bool {
        let sent = self.0.iter_mut().find(|sent| **sent == id);
        sent.map(|sent| *sent = 0).is_some()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::registry::tests::{Memory, registry};
    use super::*;

    fn ids(ledger: &mut Ledger<2>, registry: &Registry<Memory, 2>, room: usize) -> Vec<u32> {
        let mut sent = Vec::new();
        let _ = ledger.send_lacking(registry, |id, _, _| {
            if sent.len() == room {
                return Ok::<_, ()>(Sent::QueueFull);
            }
            sent.push(id);
            Ok(Sent::Yes)
        });
        sent
    }

    use std::vec::Vec;

    #[test]
    fn what_is_to_come_later_keeps_nothing_else_back() {
        let mut registry = registry();
        for memory in [10, 11] {
            registry.insert(Memory(memory), 1, 0).unwrap();
        }
        let mut ledger = Ledger::default();
        let first_later = |id, _, _: &_| {
            Ok::<_, ()>(match id {
                1 => Sent::Later,
                _ => Sent::Yes,
            })
        };
        assert_eq!(ledger.send_lacking(&registry, first_later), Ok(Sent::Later));
        assert!(!ledger.unregister(1), "it was not sent");
        assert_eq!(ids(&mut ledger, &registry, 9), [1]);
    }

    #[test]
    fn unsent_messages_are_sent_later_and_once() {
        let mut registry = registry();
        for memory in [10, 11] {
            registry.insert(Memory(memory), 1, 0).unwrap();
        }
        let mut ledger = Ledger::default();
        assert_eq!(ids(&mut ledger, &registry, 1), [1]);
        assert_eq!(ids(&mut ledger, &registry, 9), [2]);
        assert!(ids(&mut ledger, &registry, 9).is_empty());
        assert!(ledger.unregister(1));
        assert!(!ledger.unregister(1), "told once");
    }
}
