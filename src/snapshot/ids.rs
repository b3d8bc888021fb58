//! Where the rows of feeds are that change row by row: from the id of an indicator to the keys
//! that may have it. 8 bytes a row, and nothing for other feeds.

use std::hash::{BuildHasher, RandomState};

use super::layer::Rule;
use super::tables::Class;
use crate::matching::KeyId;

/// Keys by a hash of the ids of their rows.
#[derive(Debug, Default)]
pub(super) struct IdIndex {
    /// Ids are chosen by strangers: the hash has a random key.
    hasher: RandomState,
    /// In order.
    places: Vec<Place>,
}

/// A key that has a row with an id of this hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// The hash, with rule and class in the four low bits.
    packed: u32,
    key: KeyId,
}

/// The bits of a place that are not of the hash.
const KIND: u32 = 15;

impl IdIndex {
    /// Adds a row.
    pub(super) fn push(&mut self, id: &str, rule: Rule, class: Class, key: KeyId) {
        let kind = (rule as u32) << 2 | class as u32;
        let packed = self.hash(id) | kind;
        self.places.push(Place { packed, key });
    }

    /// Puts all rows in order.
    pub(super) fn finish(&mut self) {
        self.places.sort_unstable();
        self.places.shrink_to_fit();
    }

    /// The keys that may have a row with this id.
    pub(super) fn find(&self, id: &str) -> impl Iterator<Item = (Rule, Class, KeyId)> {
        let hash = self.hash(id);
        let start = self.places.partition_point(|place| place.packed < hash);
        let rest = self.places.get(start..).unwrap_or_default().iter();
        let same = rest.take_while(move |place| place.packed & !KIND == hash);
        same.map(|place| {
            let rule = match place.packed >> 2 & 3 {
                0 => Rule::Listed,
                1 => Rule::Allowed,
                _ => Rule::Revoked,
            };
            let class = match place.packed & 3 {
                0 => Class::Name,
                1 => Class::Pattern,
                2 => Class::Prefix,
                _ => Class::Endpoint,
            };
            (rule, class, place.key)
        })
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Place>() * self.places.capacity()
    }

    /// The hash of an id, without the low bits.
    fn hash(&self, id: &str) -> u32 {
        // The upper half is as good as the lower one.
        let hash = (self.hasher.hash_one(id) >> 32) as u32;
        hash & !KIND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_id_and_few_others_are() {
        let mut index = IdIndex::default();
        let classes = [Class::Name, Class::Pattern, Class::Prefix, Class::Endpoint];
        let mut expected = Vec::new();
        for number in 0..1000_u32 {
            let rule = Rule::ALL[number as usize % 3];
            let class = classes[number as usize % 4];
            index.push(&number.to_string(), rule, class, KeyId(number));
            expected.push((rule, class, KeyId(number)));
        }
        index.finish();
        for (number, place) in expected.into_iter().enumerate() {
            let found: Vec<_> = index.find(&number.to_string()).collect();
            assert!(found.contains(&place), "{number}");
            assert!(found.len() < 5, "{number}");
        }
        assert_eq!(index.bytes(), 8000);
    }
}
