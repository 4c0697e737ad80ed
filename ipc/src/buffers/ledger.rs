//! Which buffers one client has been sent.

use super::{Registry, Sent};
use crate::MAX_BUFFERS;

/// Ids of the buffers that a client has been sent, by place in the registry; 0 for none.
#[derive(Debug)]
pub(crate) struct Ledger<const N: usize = MAX_BUFFERS>([u32; N]);

impl<const N: usize> Default for Ledger<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Ledger<N> {
    /// Sends the buffers that the client lacks, as far as its queue takes them.
    pub(crate) fn send_lacking<M, E>(
        &mut self,
        registry: &Registry<M, N>,
        mut send: impl FnMut(u32, u64, &M) -> Result<Sent, E>,
    ) -> Result<Sent, E> {
        for (place, id, size, memory) in registry.iter() {
            if self.0[place] == id {
                continue;
            }
            match send(id, size, memory)? {
                Sent::Yes => {}
                not => return Ok(not),
            }
            self.0[place] = id;
        }
        Ok(Sent::Yes)
    }

    /// Strikes a buffer out; whether the client has it and is to be told.
    pub(crate) fn retire(&mut self, id: u32) -> bool {
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
    fn what_a_full_queue_did_not_take_is_sent_later_and_once() {
        let mut registry = registry();
        for memory in [10, 11] {
            registry.insert(Memory(memory), 1, 0).unwrap();
        }
        let mut ledger = Ledger::default();
        assert_eq!(ids(&mut ledger, &registry, 1), [1]);
        assert_eq!(ids(&mut ledger, &registry, 9), [2]);
        assert!(ids(&mut ledger, &registry, 9).is_empty());
        assert!(ledger.retire(1));
        assert!(!ledger.retire(1), "told once");
    }
}
