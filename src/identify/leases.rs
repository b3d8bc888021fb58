//! The lease table: all leases that are known, compact, found by network and time.
//! `attribute` asks it; what it holds is a function of the set of leases, not of their order.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::OnceLock;

use hashbrown::HashTable;
use ipnet::IpNet;

use super::attribute::LeaseView;
use super::nets::{END, Net, Nets};
use super::texts::{TextId, Texts};
use super::timeline::{OPEN, Ports, Span, Timeline, Window};
use crate::model::{EventTime, Lease};

/// All leases that are known. About 200 bytes a lease when every address, subscriber and contact
/// is another one, about 130 when addresses repeat.
#[derive(Debug)]
pub struct LeaseTable {
    /// One a lease.
    entries: Vec<Entry>,
    /// Entries by the text of their `lease_id`.
    by_id: HashTable<u32>,
    /// Every network that ever had a lease.
    nets: Nets,
    /// Nets of which leases were refused, with the time that those span.
    incomplete: HashMap<u32, Window>,
    /// Operator, country and source, once each.
    origins: Vec<Origin>,
    /// The same by content.
    by_origin: HashMap<Origin, u32>,
    /// All texts.
    texts: Texts,
    /// Keyed: others choose the ids.
    hasher: RandomState,
    /// Most leases.
    leases_max: usize,
    /// How many were refused.
    refused: u64,
}

/// What became of a lease that was given to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is new.
    New,
    /// It replaced an earlier one with the same `lease_id`.
    Replaced,
    /// The table is full, or one of its texts is too long. It is counted, and its addresses are
    /// `ambiguous` for its time: what the table does not know must not name the wrong one.
    Refused,
}

/// One lease.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: i64,
    /// [`OPEN`] when it is not known.
    end: i64,
    lease_id: TextId,
    subscriber: TextId,
    contact: TextId,
    /// Index of the origin.
    origin: u32,
    /// Index of the net.
    net: u32,
    /// The next lease of the same net, or [`END`].
    next: u32,
    ports: Ports,
}

/// Operator, country and source of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Origin {
    operator: TextId,
    country: TextId,
    source: TextId,
}

/// Nets with more leases keep their timeline; for fewer it is made anew at every look-up.
const SMALL_NET_LEN_MAX: u32 = 8;

/// Bytes of text that a lease may take on the average of a full table.
const TEXT_BYTES_A_LEASE: usize = 256;

impl LeaseTable {
    /// An empty table for at most `leases_max` leases.
    pub fn new(leases_max: usize) -> Self {
        let leases_max = leases_max.min(END as usize);
        Self {
            entries: Vec::new(),
            by_id: HashTable::new(),
            nets: Nets::default(),
            incomplete: HashMap::new(),
            origins: Vec::new(),
            by_origin: HashMap::new(),
            texts: Texts::new(leases_max.saturating_mul(TEXT_BYTES_A_LEASE)),
            hasher: RandomState::new(),
            leases_max,
            refused: 0,
        }
    }

    /// How many leases it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many leases were refused so far.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Takes up `lease`, in place of an earlier one with the same `lease_id`. O(1); the next
    /// look-up in its network pays O(m log m) for its m leases.
    pub fn insert(&mut self, lease: &Lease) -> Inserted {
        let hash = self.hasher.hash_one(lease.lease_id.as_str());
        let known = self
            .by_id
            .find(hash, |&entry| self.lease_id(entry) == lease.lease_id)
            .copied();
        let Some(fresh) = self.entry_of(lease, known) else {
            return self.refuse(lease);
        };
        match known {
            Some(entry) => {
                self.replace(entry, fresh);
                Inserted::Replaced
            }
            None => {
                self.add(hash, fresh);
                Inserted::New
            }
        }
    }

    /// Forgets leases that are over before `horizon`, and gives their memory back. Answers for
    /// times whose guard band and grace lie at or after it stay what they are. O(all leases),
    /// and for that long the memory of both tables.
    pub fn forget_ended(&mut self, horizon: EventTime) {
        let mut kept = Self::new(self.leases_max);
        kept.refused = self.refused;
        for net in self.nets.iter() {
            // An open lease that ends where a forgotten one starts is forgotten with it.
            for span in self.timeline(net).spans() {
                if span.end >= horizon.nanos()
                    && let Some(lease) = self.view(span)
                    && let Inserted::Refused = kept.insert(&lease.to_lease(span.ports))
                {
                    debug_assert!(false, "a smaller table has room for its leases");
                }
            }
        }
        for (&net, &span) in &self.incomplete {
            if span.last >= horizon.nanos()
                && let Some(net) = self.nets.get(net)
                && let Some(net) = kept.nets.add(net.prefix)
            {
                kept.incomplete.insert(net, span);
            }
        }
        *self = kept;
    }

    /// The prefix lengths of `address`'s family that are in use, longest first.
    pub(super) fn lens(&self, address: IpAddr) -> &[u8] {
        self.nets.lens(address)
    }

    /// Hands the timeline of `prefix`, with the time that refused leases there span, to `look`.
    /// `None` when the network never had a lease.
    pub(super) fn look<T>(
        &self,
        prefix: IpNet,
        look: impl FnOnce(&Timeline, Option<Window>) -> T,
    ) -> Option<T> {
        let index = self.nets.find(prefix)?;
        let net = self.nets.get(index)?;
        let unknown = self.incomplete.get(&index).copied();
        Some(if net.len <= SMALL_NET_LEN_MAX {
            look(&self.timeline(net), unknown)
        } else {
            let kept = net.timeline.get_or_init(|| Box::new(self.timeline(net)));
            look(kept, unknown)
        })
    }

    /// The lease of a span.
    pub(super) fn view(&self, span: &Span) -> Option<LeaseView<'_>> {
        let entry = self.entries.get(span.entry as usize)?;
        let net = self.nets.get(entry.net)?;
        let origin = self.origins.get(entry.origin as usize)?;
        Some(LeaseView {
            lease_id: self.texts.text(entry.lease_id),
            subscriber: self.texts.text(entry.subscriber),
            net: net.prefix,
            start: EventTime::from_nanos(entry.start),
            end: (entry.end != OPEN).then(|| EventTime::from_nanos(entry.end)),
            operator: self.texts.some(origin.operator),
            country: self.texts.some(origin.country),
            source: self.texts.some(origin.source),
            contact: self.texts.some(entry.contact),
        })
    }

    /// The `lease_id` of an entry.
    fn lease_id(&self, entry: u32) -> &str {
        let entry = self.entries.get(entry as usize);
        entry.map_or("", |entry| self.texts.text(entry.lease_id))
    }

    /// The timeline of a net, made anew.
    fn timeline(&self, net: &Net) -> Timeline {
        let mut spans = Vec::with_capacity(net.len as usize);
        let mut next = net.head;
        while let Some(entry) = self.entries.get(next as usize) {
            spans.push(Span {
                start: entry.start,
                end: entry.end,
                ports: entry.ports,
                subscriber: entry.subscriber,
                entry: next,
            });
            next = entry.next;
        }
        Timeline::new(spans)
    }

    /// `lease` as an entry that is linked to nothing yet; `None` when there is no room for it
    /// or its texts. `known` is the entry that it replaces.
    fn entry_of(&mut self, lease: &Lease, known: Option<u32>) -> Option<Entry> {
        let id = known.and_then(|known| self.entries.get(known as usize)?.lease_id.into());
        if id.is_none() && self.entries.len() >= self.leases_max {
            return None;
        }
        let operator = lease.operator.as_deref().unwrap_or_default();
        let country = lease.country.as_deref().unwrap_or_default();
        let source = lease.source.as_deref().unwrap_or_default();
        let contact = lease.contact.as_deref().unwrap_or_default();
        let given = [lease.lease_id.as_str(), lease.subscriber.as_str()];
        if !self.texts.has_room(&given)
            || !self.texts.has_room(&[operator, country, source, contact])
        {
            return None;
        }
        let origin = Origin {
            operator: self.texts.intern(operator)?,
            country: self.texts.intern(country)?,
            source: self.texts.intern(source)?,
        };
        let lease_id = match id {
            Some(id) => id,
            None => self.texts.append(&lease.lease_id)?,
        };
        Some(Entry {
            start: lease.start.nanos(),
            // An end at the very last instant is one: it does not make the lease open.
            end: lease.end.map_or(OPEN, |end| end.nanos().min(OPEN - 1)),
            lease_id,
            subscriber: self.texts.intern(&lease.subscriber)?,
            contact: self.texts.intern(contact)?,
            origin: self.origin(origin)?,
            net: self.nets.add(lease.net.trunc())?,
            next: END,
            ports: lease.ports.map_or(Ports::ALL, |block| Ports {
                first: block.first(),
                last: block.last(),
            }),
        })
    }

    /// The index of an origin, which is added if it is new.
    fn origin(&mut self, origin: Origin) -> Option<u32> {
        if let Some(&known) = self.by_origin.get(&origin) {
            return Some(known);
        }
        let index = u32::try_from(self.origins.len()).ok()?;
        self.origins.push(origin);
        self.by_origin.insert(origin, index);
        Some(index)
    }

    /// Adds an entry whose id has the hash `hash`.
    fn add(&mut self, hash: u64, entry: Entry) {
        let Ok(index) = u32::try_from(self.entries.len()) else {
            return;
        };
        self.entries.push(entry);
        self.link(index);
        let (entries, texts, hasher) = (&self.entries, &self.texts, &self.hasher);
        self.by_id.insert_unique(hash, index, |&entry| {
            let entry = entries.get(entry as usize);
            hasher.hash_one(entry.map_or("", |entry| texts.text(entry.lease_id)))
        });
    }

    /// Puts `fresh` in the place of the entry at `index`.
    fn replace(&mut self, index: u32, fresh: Entry) {
        let Some(&old) = self.entries.get(index as usize) else {
            return;
        };
        if old.net == fresh.net {
            let next = old.next;
            self.set(index, Entry { next, ..fresh });
            self.forget_timeline(fresh.net);
        } else {
            self.unlink(index, old);
            self.set(index, fresh);
            self.link(index);
        }
    }

    /// Overwrites an entry.
    fn set(&mut self, index: u32, entry: Entry) {
        if let Some(place) = self.entries.get_mut(index as usize) {
            *place = entry;
        }
    }

    /// Puts an entry at the head of its net's list.
    fn link(&mut self, index: u32) {
        let Some(entry) = self.entries.get_mut(index as usize) else {
            return;
        };
        if let Some(net) = self.nets.get_mut(entry.net) {
            entry.next = std::mem::replace(&mut net.head, index);
            net.len += 1;
            net.timeline = OnceLock::new();
        }
    }

    /// Takes an entry out of its net's list: O(its leases), for the rare lease that moves.
    fn unlink(&mut self, index: u32, old: Entry) {
        let Some(net) = self.nets.get_mut(old.net) else {
            return;
        };
        net.len = net.len.saturating_sub(1);
        net.timeline = OnceLock::new();
        if net.head == index {
            net.head = old.next;
            return;
        }
        let mut before = net.head;
        while let Some(entry) = self.entries.get_mut(before as usize) {
            if entry.next == index {
                entry.next = old.next;
                return;
            }
            before = entry.next;
        }
    }

    /// Makes the next look-up in a net build its timeline.
    fn forget_timeline(&mut self, net: u32) {
        if let Some(net) = self.nets.get_mut(net) {
            net.timeline = OnceLock::new();
        }
    }

    /// Counts a refused lease and marks its net as incomplete for its time; without room for
    /// another net, the longest known one around it, which every look-up of its addresses that
    /// nothing more specific answers must pass.
    fn refuse(&mut self, lease: &Lease) -> Inserted {
        self.refused += 1;
        let prefix = lease.net.trunc();
        let marked = if self.nets.len() < self.leases_max {
            self.nets.add(prefix)
        } else {
            self.nets.find_around(prefix)
        };
        if let Some(net) = marked {
            let span = Window {
                first: lease.start.nanos(),
                last: lease.end.map_or(OPEN, EventTime::nanos),
            };
            let unknown = self.incomplete.entry(net).or_insert(span);
            *unknown = unknown.hull(span);
        }
        Inserted::Refused
    }
}

#[cfg(test)]
mod tests;
