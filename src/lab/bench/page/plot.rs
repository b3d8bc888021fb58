//! Lines over powers of ten, both ways, as inline SVG. Each point has its figures in its title,
//! and the page has them all in a table.

use crate::encode::report::{escape, number};

/// One line.
pub(super) struct Line {
    /// What it shows.
    pub(super) name: String,
    /// Points, all above zero.
    pub(super) points: Vec<(f64, f64)>,
}

/// Size of a plot, and its margins: left for the numbers, below for the sizes.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 48.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 30.0;

/// How many kinds of lines there are; more lines share them.
const KINDS: usize = 4;

/// The plot of `lines`, with a legend. `about` says what it shows to those who do not see it.
pub(super) fn lines(lines: &[Line], about: &str) -> String {
    let points = || lines.iter().flat_map(|line| &line.points);
    let Some((x, y)) = Scale::over(points().map(|point| point.0), LEFT, WIDTH - RIGHT).zip(
        Scale::over(points().map(|point| point.1), HEIGHT - BOTTOM, TOP),
    ) else {
        return String::new();
    };
    let mut drawn = String::new();
    for power in y.powers() {
        let at = y.at(power);
        drawn.push_str(&format!(
            "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{:.1}\"/><text class=\"tick e\" x=\"{:.1}\" \
             y=\"{:.1}\">{}</text>\n",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0,
            written(power)
        ));
    }
    for power in x.powers() {
        drawn.push_str(&format!(
            "<text class=\"tick m\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
            x.at(power),
            HEIGHT - 8.0,
            written(power)
        ));
    }
    let mut legend = String::new();
    for (index, line) in lines.iter().enumerate() {
        let kind = index % KINDS + 1;
        drawn.push_str(&drawn_line(line, kind, &x, &y));
        legend.push_str(&format!(
            "<li><svg width=\"26\" height=\"12\" aria-hidden=\"true\"><path class=\"l{kind}\" \
             stroke-width=\"2\" d=\"M0 6H26\"/></svg>{}</li>\n",
            escape(&line.name)
        ));
    }
    format!(
        "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n\
         {drawn}</svg>\n<ul class=\"legend\">\n{legend}</ul>\n",
        escape(about)
    )
}

/// One line with its points.
fn drawn_line(line: &Line, kind: usize, x: &Scale, y: &Scale) -> String {
    let mut sorted = line.points.clone();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut path, mut marks) = (String::new(), String::new());
    for (index, &(size, value)) in sorted.iter().enumerate() {
        let letter = if index == 0 { 'M' } else { 'L' };
        path.push_str(&format!("{letter}{:.1} {:.1}", x.at(size), y.at(value)));
        marks.push_str(&format!(
            "<circle class=\"p{kind}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"><title>{}, {}: {value:.1}\
             </title></circle>\n",
            x.at(size),
            y.at(value),
            escape(&line.name),
            written(size)
        ));
    }
    format!("<path class=\"l{kind}\" d=\"{path}\"/>\n{marks}")
}

/// A number as people write it: `10,000`, `0.1`.
fn written(value: f64) -> String {
    let plain = format!("{value}");
    plain.parse().map_or(plain, number)
}

/// From values to places, by powers of ten.
struct Scale {
    /// The lowest and the highest power.
    powers: (i32, i32),
    /// Where they lie.
    places: (f64, f64),
}

impl Scale {
    /// A scale that has room for `values`, from the place `first` to the place `last`; `None`
    /// without values that have a power.
    fn over(values: impl Iterator<Item = f64>, first: f64, last: f64) -> Option<Self> {
        let mut powers: Option<(f64, f64)> = None;
        for value in values.filter(|value| *value > 0.0 && value.is_finite()) {
            let log = value.log10();
            let (low, high) = powers.unwrap_or((log, log));
            powers = Some((low.min(log), high.max(log)));
        }
        let (low, high) = powers?;
        // A size that is a power of ten is its own end.
        let (low, high) = (whole((low + 1e-9).floor()), whole((high - 1e-9).ceil()));
        Some(Self {
            powers: (low, high.max(low + 1)),
            places: (first, last),
        })
    }

    /// All powers of ten on it, as values.
    fn powers(&self) -> impl Iterator<Item = f64> {
        (self.powers.0..=self.powers.1).map(|power| 10_f64.powi(power))
    }

    /// Where a value lies.
    fn at(&self, value: f64) -> f64 {
        let (low, high) = (f64::from(self.powers.0), f64::from(self.powers.1));
        let share = ((value.max(f64::MIN_POSITIVE).log10() - low) / (high - low)).clamp(0.0, 1.0);
        self.places.0 + share * (self.places.1 - self.places.0)
    }
}

/// A whole number of a few digits.
fn whole(value: f64) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the power of a float is below a thousand"
    )]
    let whole = value as i32;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_begin_and_end_at_powers_of_ten() {
        for (values, expected) in [
            (&[10_000.0, 1_000_000.0][..], (4, 6)),
            (&[30.0, 2_100.0], (1, 4)),
            (&[100.0], (2, 3)),
            (&[0.5], (-1, 0)),
        ] {
            let scale = Scale::over(values.iter().copied(), 0.0, 1.0).unwrap();
            assert_eq!(scale.powers, expected, "{values:?}");
        }
        assert!(Scale::over([0.0, f64::NAN].into_iter(), 0.0, 1.0).is_none());
        let scale = Scale::over([1.0, 100.0].into_iter(), 0.0, 200.0).unwrap();
        assert_eq!(
            (scale.at(10.0), scale.at(0.0), scale.at(1e9)),
            (100.0, 0.0, 200.0)
        );
    }

    #[test]
    fn every_point_is_drawn_with_its_figures() {
        let drawn = lines(
            &[Line {
                name: "a<b".to_owned(),
                points: vec![(1e6, 50.0), (1e4, 30.0)],
            }],
            "x",
        );
        assert!(
            drawn.contains("<title>a&lt;b, 10,000: 30.0</title>"),
            "{drawn}"
        );
        assert_eq!(drawn.matches("<circle").count(), 2);
        assert!(drawn.contains("1,000,000</text>"));
        assert_eq!(lines(&[], "x"), "");
    }
}
