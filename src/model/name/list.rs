//! Many names in one piece of memory, to be handed from thread to thread.

use super::DomainName;

/// Names one after the other: their bytes, and 4 more for each.
#[derive(Clone, Debug, Default)]
pub struct NameList {
    text: String,
    /// Where each name ends in `text`.
    ends: Vec<u32>,
}

impl NameList {
    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all names.
    pub fn text_len(&self) -> usize {
        self.text.len()
    }

    /// Adds a name; its place, or `None` when there are four thousand million bytes of names.
    pub fn push(&mut self, name: DomainName<'_>) -> Option<u32> {
        let place = u32::try_from(self.ends.len()).ok()?;
        let end = u32::try_from(self.text.len() + name.0.len()).ok()?;
        self.text.push_str(name.0);
        self.ends.push(end);
        Some(place)
    }

    /// The name at a place.
    pub fn get(&self, place: u32) -> Option<DomainName<'_>> {
        let place = place as usize;
        let end = *self.ends.get(place)?;
        let start = match place.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.text.get(start as usize..end as usize).map(DomainName)
    }

    /// Forgets the names and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NAME_LEN_MAX;

    #[test]
    fn names_come_back_from_their_places() {
        let mut names = NameList::default();
        for round in 0..2 {
            names.clear();
            assert!(names.is_empty());
            let texts = ["a.example", "b", "c.d.test"];
            for (place, text) in (0..).zip(texts) {
                let mut scratch = [0; NAME_LEN_MAX];
                let name = DomainName::parse(text.as_bytes(), &mut scratch).unwrap();
                assert_eq!(names.push(name), Some(place), "round {round}");
            }
            let read: Vec<&str> = (0..3)
                .map(|place| names.get(place).unwrap().as_str())
                .collect();
            assert_eq!(read, texts);
            assert_eq!((names.get(3), names.len(), names.text_len()), (None, 3, 18));
        }
    }
}
