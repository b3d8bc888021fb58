//! Results as a section of a README, between two marks that stay where they are.

use super::result::BenchReport;
use super::sheet::{Sheet, sheets};

/// The line before the section.
pub const SECTION_START: &str = "<!-- written by gannet bench readme -->";

/// The line after it.
pub const SECTION_END: &str = "<!-- end of what gannet bench readme wrote -->";

/// A text has no place for the section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no line `{SECTION_START}` with a line `{SECTION_END}` below it")]
pub struct NoMarkers;

/// The section: for each report what made it and where, and a table for each bench.
pub fn markdown(reports: &[BenchReport]) -> String {
    let mut text = String::from(
        "Medians over turns in which the engines alternate, after all answers were compared with \
         an oracle's.\n*× gannet* is how many times as long as `gannet` an engine takes, turn by \
         turn, at the fewest hits; *CPU* is\nthe same of processor time, which other work on the \
         machine does not stretch.\n",
    );
    for report in reports {
        let (machine, cores) = (&report.machine.cpu, report.machine.cores);
        text.push_str(&format!(
            "\n```console\n$ {}\n```\n\n{machine}, {cores} cores, gannet {}, {:.0} s.\n",
            report.command.replace(['\n', '`'], " "),
            report.version,
            report.seconds
        ));
        for sheet in sheets(report) {
            text.push('\n');
            push_table(&sheet, &mut text);
        }
    }
    text
}

/// Appends a table with its title as the head of the first column's row.
fn push_table(sheet: &Sheet, text: &mut String) {
    text.push_str(&format!("**{}**\n\n", cell(&sheet.title)));
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        for text_of_cell in cells {
            text.push_str("| ");
            text.push_str(&text_of_cell);
            text.push(' ');
        }
        text.push_str("|\n");
    };
    line(&mut sheet.columns.iter().map(|(title, _)| cell(title)));
    line(
        &mut sheet
            .columns
            .iter()
            .map(|(_, numeric)| if *numeric { "---:" } else { "---" }.to_owned()),
    );
    for row in &sheet.rows {
        line(&mut row.iter().map(|text| cell(text)));
    }
}

/// A text that stays in its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// `text` with `section` between the marks, in place of what is there.
///
/// # Errors
/// [`NoMarkers`] when the marks are not both there, in order.
pub fn with_section(text: &str, section: &str) -> Result<String, NoMarkers> {
    let (before, rest) = text.split_once(SECTION_START).ok_or(NoMarkers)?;
    let (_, after) = rest.split_once(SECTION_END).ok_or(NoMarkers)?;
    Ok(format!(
        "{before}{SECTION_START}\n\n{}\n\n{SECTION_END}{after}",
        section.trim()
    ))
}

#[cfg(test)]
mod tests {
    use super::super::sheet::tests::report;
    use super::*;

    #[test]
    fn a_section_names_its_command_and_holds_a_table_for_each_bench() {
        let text = markdown(&[report()]);
        for part in [
            "\n$ gannet bench match --json\n",
            "A <CPU>, 2 cores",
            "\n**Listed names**\n\n| indicators | engine | ns, 0.1 % hits |",
            "\n| ---: | --- | ---: |",
            "\n| 10,000 | hashbrown | 100.0 | 160.0 | 2.50 | 42.2 |\n",
            "\n**The data path from memory**\n",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn only_what_is_between_the_marks_is_replaced_and_twice_is_as_once() {
        let text = format!("# Title\n\n{SECTION_START}\nold\n{SECTION_END}\n\nafter\n");
        let once = with_section(&text, "new\n").unwrap();
        assert_eq!(
            once,
            format!("# Title\n\n{SECTION_START}\n\nnew\n\n{SECTION_END}\n\nafter\n")
        );
        assert_eq!(with_section(&once, "new").unwrap(), once);
        for text in [
            "# Title\n".to_owned(),
            format!("{SECTION_START}\n"),
            format!("{SECTION_END}\n{SECTION_START}\n"),
        ] {
            assert_eq!(with_section(&text, "new"), Err(NoMarkers), "{text}");
        }
    }
}
