//! A growing list of numbers of which few are different: each takes 1, 2 or 4 bytes.

use hashbrown::HashMap;

/// Numbers in order of insertion.
#[derive(Debug, Default)]
pub(super) struct Column {
    codes: Codes,
    /// What the codes stand for, unless they stand for themselves.
    words: Vec<u32>,
    /// The codes of `words`; empty once all are inserted. The numbers are our own.
    known: HashMap<u32, u32>,
    /// The number added last and its code.
    last: Option<(u32, u32)>,
}

/// Codes, as wide as the largest needs.
#[derive(Debug)]
enum Codes {
    /// At most 2^8 different ones.
    Narrow(Vec<u8>),
    /// At most 2^16.
    Wide(Vec<u16>),
    /// Any: each number is its own code.
    Full(Vec<u32>),
}

impl Default for Codes {
    fn default() -> Self {
        Self::Narrow(Vec::new())
    }
}

impl Column {
    /// How many.
    pub(super) fn len(&self) -> usize {
        match &self.codes {
            Codes::Narrow(codes) => codes.len(),
            Codes::Wide(codes) => codes.len(),
            Codes::Full(codes) => codes.len(),
        }
    }

    /// The number at a place.
    pub(super) fn get(&self, place: usize) -> Option<u32> {
        let code = match &self.codes {
            Codes::Narrow(codes) => usize::from(*codes.get(place)?),
            Codes::Wide(codes) => usize::from(*codes.get(place)?),
            Codes::Full(codes) => return codes.get(place).copied(),
        };
        self.words.get(code).copied()
    }

    /// Adds a number.
    pub(super) fn push(&mut self, number: u32) {
        let code = match self.last {
            Some((last, code)) if last == number => code,
            Some(_) | None => self.code(number),
        };
        self.last = Some((number, code));
        match &mut self.codes {
            Codes::Narrow(codes) => {
                if let Ok(code) = u8::try_from(code) {
                    codes.push(code);
                    return;
                }
            }
            Codes::Wide(codes) => {
                if let Ok(code) = u16::try_from(code) {
                    codes.push(code);
                    return;
                }
            }
            Codes::Full(codes) => {
                codes.push(number);
                return;
            }
        }
        self.widen();
        self.push(number);
    }

    /// Gives back the room for more; nothing may be added afterwards.
    pub(super) fn shrink(&mut self) {
        match &mut self.codes {
            Codes::Narrow(codes) => codes.shrink_to_fit(),
            Codes::Wide(codes) => codes.shrink_to_fit(),
            Codes::Full(codes) => codes.shrink_to_fit(),
        }
        self.known = HashMap::new();
        self.words.shrink_to_fit();
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let codes = match &self.codes {
            Codes::Narrow(codes) => codes.capacity(),
            Codes::Wide(codes) => 2 * codes.capacity(),
            Codes::Full(codes) => 4 * codes.capacity(),
        };
        codes + 4 * self.words.capacity()
    }

    /// The code of a number, old or new.
    fn code(&mut self, number: u32) -> u32 {
        if matches!(self.codes, Codes::Full(_)) {
            return number;
        }
        let next = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        let code = *self.known.entry(number).or_insert(next);
        if code == next {
            self.words.push(number);
        }
        code
    }

    /// Makes room for wider codes.
    fn widen(&mut self) {
        self.codes = match &self.codes {
            Codes::Narrow(codes) => Codes::Wide(codes.iter().map(|&code| code.into()).collect()),
            Codes::Wide(_) | Codes::Full(_) => {
                let numbers = (0..self.len()).filter_map(|place| self.get(place));
                let numbers = numbers.collect();
                (self.words, self.known) = (Vec::new(), HashMap::new());
                Codes::Full(numbers)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_whatever_their_width() {
        for kinds in [1, 255, 256, 257, 65_536, 65_537, 70_000] {
            let mut column = Column::default();
            let numbers: Vec<u32> = (0..140_000).map(|at| (at % kinds) * 50_021).collect();
            for &number in &numbers {
                column.push(number);
            }
            column.shrink();
            let read: Vec<u32> = (0..column.len()).filter_map(|at| column.get(at)).collect();
            assert_eq!(read, numbers, "{kinds} kinds");
            assert_eq!(column.get(numbers.len()), None);
            let width = match kinds {
                ..=256 => 1,
                257..=65_536 => 2,
                _ => 4,
            };
            assert!(
                column.bytes() <= numbers.len() * width + 4 * 65_536,
                "{kinds} kinds: {}",
                column.bytes()
            );
        }
    }
}
