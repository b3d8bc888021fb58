//! Charts as inline SVG and tables with bars. Every mark has its number in text beside it or in
//! its title, so that nothing depends on seeing the picture.

use std::collections::BTreeMap;

use crate::model::EventTime;

use super::Day;
use super::text::{date, escape, length, number, percent, short_date};

/// One row of a bar chart.
pub(super) struct Bar {
    /// What is counted, as HTML.
    pub(super) label: String,
    /// How many.
    pub(super) count: u64,
    /// Whether it sums up what has no row of its own: it then has no bar.
    pub(super) rest: bool,
}

/// A table with one bar a row. Bars are as long as their share of the largest, percentages are
/// shares of `whole`.
pub(super) fn bars(heading: &str, unit: &str, whole: u64, rows: &[Bar]) -> String {
    let own_rows = || rows.iter().filter(|row| !row.rest);
    let largest = own_rows().map(|row| row.count).max().unwrap_or(0);
    let body: String = rows
        .iter()
        .map(|row| {
            format!(
                "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n s\">{}</td>\
                 <td class=\"bar\">{}</td></tr>\n",
                row.label,
                number(row.count),
                percent(row.count, whole),
                if row.rest {
                    String::new()
                } else {
                    bar(row.count, largest)
                },
            )
        })
        .collect();
    format!(
        "<table class=\"bars\"><thead><tr><th scope=\"col\">{heading}</th>\
         <th scope=\"col\" class=\"n\">{unit}</th><th scope=\"col\" class=\"n\">Share</th>\
         <td></td></tr></thead>\n<tbody>\n{body}</tbody></table>\n"
    )
}

/// One bar; the numbers stand beside it.
fn bar(count: u64, largest: u64) -> String {
    format!(
        "<svg width=\"100%\" height=\"12\" aria-hidden=\"true\">\
         <rect class=\"c1\" width=\"{}\" height=\"12\" rx=\"1.5\"/></svg>",
        length(count, largest)
    )
}

/// One bar cut into parts, with a legend. Parts are label (HTML), count and CSS class.
pub(super) fn stacked(parts: &[(&str, u64, &str)]) -> String {
    let whole: u64 = parts.iter().map(|(_, count, _)| count).sum();
    let mut before = 0_u64;
    let (mut rects, mut legend) = (String::new(), String::new());
    for (label, count, class) in parts {
        rects.push_str(&format!(
            "<rect class=\"{class}\" x=\"{}\" width=\"{}\" height=\"26\"><title>{label}: {}</title></rect>",
            length(before, whole),
            length(*count, whole),
            number(*count),
        ));
        legend.push_str(&format!(
            "<li><svg width=\"12\" height=\"12\" aria-hidden=\"true\"><rect class=\"{class}\" \
             width=\"12\" height=\"12\" rx=\"2\"/></svg>{label} <b>{}</b> <span class=\"s\">{}</span></li>\n",
            number(*count),
            percent(*count, whole),
        ));
        before = before.saturating_add(*count);
    }
    format!(
        "<svg class=\"stack\" width=\"100%\" height=\"26\" aria-hidden=\"true\">{rects}</svg>\n\
         <ul class=\"legend\">{legend}</ul>\n"
    )
}

/// Nanoseconds of a day.
const DAY_NANOS: i64 = 86_400_000_000_000;

/// Most columns of a chart over time; longer times are drawn with several days a column.
const COLUMNS_MAX: i64 = 130;

/// Size of a chart over time, and its margins: left for the numbers, below for the dates.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 190.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 30.0;

/// Widest column: few days do not become blocks.
const COLUMN_WIDTH_MAX: f64 = 40.0;

/// One chart over time.
pub(super) struct Timeline {
    /// What is counted: `first contacts`.
    pub(super) what: &'static str,
    /// The color.
    pub(super) class: &'static str,
    /// The count of a day.
    pub(super) count: fn(&Day) -> u64,
}

/// Columns over the days from the first to the last of `days`.
pub(super) fn timeline(days: &BTreeMap<i64, Day>, chart: &Timeline) -> String {
    let (Some((&start, _)), Some((&end, _))) = (days.first_key_value(), days.last_key_value())
    else {
        return String::new();
    };
    let span = end.saturating_sub(start).saturating_add(1);
    let width_days = div_ceil(span, COLUMNS_MAX);
    let columns = columns(days, start, width_days, chart.count);
    let largest = columns.iter().copied().max().unwrap_or(0);
    let step = nice_step(largest);
    let plot = Plot {
        start,
        width_days,
        step_x: ((WIDTH - LEFT - RIGHT) / columns.len() as f64).min(COLUMN_WIDTH_MAX),
        ceiling: largest.div_ceil(step).max(1) * step,
    };
    let per = match width_days {
        1 => "a day".to_owned(),
        days => format!("in {days} days"),
    };
    let what = chart.what;
    format!(
        "<h3 class=\"chart\">{what} <span class=\"s\">victims {per}</span></h3>\n\
         <svg class=\"time\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"{what}, victims {per}\">\n{}{}{}</svg>\n",
        plot.grid(step),
        plot.columns(&columns, chart),
        plot.dates(columns.len()),
    )
}

/// `whole` divided by `part`, rounded up; both above zero.
fn div_ceil(whole: i64, part: i64) -> i64 {
    whole.div_euclid(part) + i64::from(whole.rem_euclid(part) != 0)
}

/// The days summed up, `width_days` a column.
fn columns(
    days: &BTreeMap<i64, Day>,
    start: i64,
    width_days: i64,
    count: fn(&Day) -> u64,
) -> Vec<u64> {
    let mut columns = Vec::new();
    for (day, counts) in days {
        let index = usize::try_from((day - start).div_euclid(width_days)).unwrap_or(0);
        if columns.len() <= index {
            columns.resize(index + 1, 0);
        }
        if let Some(column) = columns.get_mut(index) {
            *column += count(counts);
        }
    }
    columns
}

/// A round step (1, 2 or 5 and zeros) that cuts `largest` into at most five.
fn nice_step(largest: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            let step = power.saturating_mul(factor);
            if largest.div_ceil(step) <= 5 {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// Where things go in a chart over time.
struct Plot {
    /// The first day.
    start: i64,
    /// Days a column.
    width_days: i64,
    /// Width of a column.
    step_x: f64,
    /// The count at the top.
    ceiling: u64,
}

impl Plot {
    /// The height of `count` in the chart.
    fn y(&self, count: u64) -> f64 {
        let share = count as f64 / self.ceiling as f64;
        HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    }

    /// The left edge of a column.
    fn x(&self, column: usize) -> f64 {
        LEFT + self.step_x * column as f64
    }

    /// The first day of a column.
    fn time(&self, column: usize) -> EventTime {
        let days = i64::try_from(column)
            .unwrap_or(i64::MAX)
            .saturating_mul(self.width_days)
            .saturating_add(self.start);
        EventTime::from_nanos(days.saturating_mul(DAY_NANOS))
    }

    /// Horizontal lines with their numbers.
    fn grid(&self, step: u64) -> String {
        (0..=self.ceiling / step)
            .map(|line| {
                let (count, y) = (line * step, self.y(line * step));
                format!(
                    "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{:.1}\"/>\
                     <text class=\"tick e\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
                    WIDTH - RIGHT,
                    LEFT - 8.0,
                    y + 4.0,
                    number(count),
                )
            })
            .collect()
    }

    /// The columns, each with its date and number as a title.
    fn columns(&self, columns: &[u64], chart: &Timeline) -> String {
        let gap = (self.step_x * 0.15).min(2.0);
        columns
            .iter()
            .enumerate()
            .filter(|&(_, &count)| count > 0)
            .map(|(index, &count)| {
                let y = self.y(count);
                format!(
                    "<rect class=\"{}\" x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\">\
                     <title>{}: {}</title></rect>\n",
                    chart.class,
                    self.x(index) + gap / 2.0,
                    self.step_x - gap,
                    HEIGHT - BOTTOM - y,
                    escape(&date(self.time(index))),
                    number(count),
                )
            })
            .collect()
    }

    /// At most eight dates below the columns.
    fn dates(&self, columns: usize) -> String {
        (0..columns)
            .step_by(columns.div_ceil(8).max(1))
            .map(|index| {
                format!(
                    "<text class=\"tick m\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
                    self.x(index) + self.step_x / 2.0,
                    HEIGHT - 8.0,
                    short_date(self.time(index)),
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        for (largest, expected) in [
            (0, 1),
            (5, 1),
            (6, 2),
            (11, 5),
            (1800, 500),
            (26_000, 10_000),
        ] {
            assert_eq!(nice_step(largest), expected, "{largest}");
        }
        assert!(nice_step(u64::MAX) > u64::MAX / 10);
    }

    #[test]
    fn any_span_of_days_fits_into_the_columns() {
        let chart = Timeline {
            what: "w",
            class: "c1",
            count: |day| day.first_seen,
        };
        for span in [1, 2, 130, 131, 261, 213_503] {
            let day = Day {
                first_seen: 1,
                last_seen: 0,
            };
            let days = BTreeMap::from([(-7, day), (span - 8, day)]);
            let drawn = timeline(&days, &chart).matches("<rect").count();
            assert_eq!(drawn, if span == 1 { 1 } else { 2 }, "{span}");
            let count = columns(&days, -7, div_ceil(span, COLUMNS_MAX), chart.count).len();
            assert!(count <= 130 && count as i64 <= span, "{span}: {count}");
        }
        assert_eq!(timeline(&BTreeMap::new(), &chart), "");
    }
}
