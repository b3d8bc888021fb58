//! The malware families of an operation: 69 made names.

use super::random::Rng;

/// What the families do.
const KINDS: [&str; 3] = ["stealer", "grabber", "loader"];

/// What they are called.
const NAMES: [&str; 23] = [
    "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett",
    "kilo", "lima", "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango",
    "uniform", "victor", "whiskey",
];

/// How many there are.
const COUNT: u64 = 69;

/// The number of a family: large ones more often.
pub(super) fn draw(rng: &mut Rng) -> u8 {
    rng.skewed(COUNT).to_le_bytes()[0]
}

/// Its kind and its own name.
pub(super) fn name(family: u8) -> (&'static str, &'static str) {
    let family = usize::from(family);
    (
        KINDS[family / NAMES.len() % KINDS.len()],
        NAMES[family % NAMES.len()],
    )
}

/// Its written name.
pub(super) fn written(family: u8) -> String {
    let (kind, name) = name(family);
    format!("{kind}.{name}")
}
