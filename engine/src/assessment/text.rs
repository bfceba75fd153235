//! The assessment for a terminal: the verdict first, then section by section, long lists cut with a count of the rest.

use crate::assessment::layout::{aligned, clean, elapsed, grouped, interval, size, wrapped};
use crate::assessment::model::{Assessment, Decision, Depth, End, Finding, Readiness, TableAssessment, TargetStanding};
use crate::report::counted;

/// Lines of one list before the rest is counted.
const LINES_MAX: usize = 30;
/// Objects named per kind of what is left behind.
const OBJECTS_MAX: usize = 4;

/// The whole report in lines of about `width` characters.
pub fn report(assessment: &Assessment, width: usize) -> String {
    let page = Page { assessment, width };
    let sections = [
        page.head(),
        page.ends(),
        page.findings("In the way", &assessment.blockers),
        page.findings("Worth knowing", &assessment.remarks),
        page.tables(),
        page.rejects(),
        page.types(),
        page.left_behind(),
        page.settings(),
        page.time(),
        page.reading(),
        page.next(),
    ];
    sections.into_iter().filter(|section| !section.is_empty()).collect::<Vec<_>>().join("\n")
}

/// What the verdict is called.
pub fn verdict(readiness: Readiness) -> &'static str {
    match readiness {
        Readiness::Ready => "ready",
        Readiness::ReadyWithRemarks => "ready with remarks",
        Readiness::NotReady => "not ready",
    }
}

/// Rows as a report says them.
pub fn rows_of(table: &TableAssessment) -> String {
    match table.rows {
        None => "?".to_owned(),
        Some(rows) if table.rows_counted => grouped(rows),
        Some(rows) => format!("~{}", grouped(rows)),
    }
}

/// Bytes at rest as a report says them.
pub fn bytes_of(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "?".to_owned(), |bytes| format!("~{}", size(bytes)))
}

/// What the target holds under the name.
pub fn standing_of(table: &TableAssessment) -> &'static str {
    match table.standing {
        None => "",
        Some(TargetStanding::Absent) => "created",
        Some(TargetStanding::Empty) => "exists, empty",
        Some(TargetStanding::Occupied) => "HAS ROWS",
        Some(TargetStanding::UnderWay) => "under way",
    }
}

/// The key, or that there is none.
pub fn key_of(table: &TableAssessment) -> String {
    if table.key.is_empty() { "none".to_owned() } else { clean(&table.key.join(", ")) }
}

/// What reading rests on, in full sentences.
pub fn reading_of(assessment: &Assessment) -> Vec<String> {
    let read: Vec<_> = assessment.tables.iter().filter_map(|table| table.reading.as_ref()).collect();
    if read.is_empty() {
        return vec!["No row was read: the plan must stand first.".to_owned()];
    }
    let whole = read.iter().filter(|reading| reading.whole).count();
    let rows = grouped(read.iter().map(|reading| reading.rows).sum());
    let tables = counted(read.len() as u64, "table");
    let Depth::Sample { rows: wanted } = assessment.depth else {
        return vec![format!("Every row was read and converted: {rows} rows in {tables}. Nothing was written.")];
    };
    let mut lines = vec![format!("{rows} rows of {tables} were read and converted as a run would, and not written.")];
    if whole < read.len() {
        let started = read.iter().filter(|reading| !reading.whole && reading.places <= 1).count();
        let whole = if whole == 0 { "Of each".to_owned() } else { format!("{whole} were read whole; of each other") };
        lines.push(format!(
            "{whole} about {} rows, from places all over the table. What fewer than about one row in {} has may stay \
             unseen. `sensei check --exact` reads every row.",
            grouped(wanted),
            grouped((wanted / 3).max(1))
        ));
        if started > 0 {
            lines.push(format!("{} can only be read from the start, and was.", counted(started as u64, "table")));
        }
    }
    lines
}

struct Page<'a> {
    assessment: &'a Assessment,
    width: usize,
}

impl Page<'_> {
    fn wrap(&self, first: &str, text: &str) -> String {
        wrapped(first, &clean(text), self.width)
    }

    fn section(&self, title: &str, body: String) -> String {
        if body.is_empty() { body } else { format!("{title}\n{body}") }
    }

    fn head(&self) -> String {
        let Assessment { plan, made_at, engine_version, elapsed_seconds, .. } = self.assessment;
        let mut out = format!("Plan {}: {}\n\n", clean(plan), verdict(self.assessment.verdict).to_uppercase());
        let blocked = !self.assessment.ready;
        for headline in &self.assessment.headlines {
            out += &self.wrap(if blocked { "  * " } else { "  - " }, headline);
        }
        if self.assessment.headlines.is_empty() {
            out += "  - nothing stands in the way, and nothing out of the ordinary was found\n";
        }
        out + &format!(
            "\n  {made_at}, sensei {engine_version}, in {}; nothing was written\n",
            elapsed(*elapsed_seconds)
        )
    }

    fn ends(&self) -> String {
        let Assessment { source, target, tables, .. } = self.assessment;
        let one = |name: &str, end: &End| {
            let free = end.free_bytes.map(|free| format!(", {} free", size(free))).unwrap_or_default();
            self.wrap(name, &format!("{}, {} {}{free}", end.description, end.system, end.version))
        };
        let rows = match self.assessment.rows() {
            None => String::new(),
            Some((rows, true)) => format!(", {} rows", grouped(rows)),
            Some((rows, false)) => format!(", about {} rows", grouped(rows)),
        };
        let bytes = self.assessment.bytes().map(|bytes| format!(", about {}", size(bytes))).unwrap_or_default();
        let all = format!("{}{rows}{bytes}", counted(tables.len() as u64, "table"));
        self.section("What", one("  from  ", source) + &one("  to    ", target) + &self.wrap("  all   ", &all))
    }

    fn findings(&self, title: &str, findings: &[Finding]) -> String {
        let one = |finding: &Finding| {
            let code = finding.code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default();
            let mut out = self.wrap("  * ", &format!("{code}{}", finding.what));
            for detail in [&finding.why, &finding.hint].into_iter().filter(|detail| !detail.is_empty()) {
                out += &self.wrap("    ", detail);
            }
            out
        };
        let body = some(findings.iter().map(one).collect(), "findings");
        self.section(&format!("{title} ({})", findings.len()), body)
    }

    fn tables(&self) -> String {
        let mut tables: Vec<&TableAssessment> = self.assessment.tables.iter().collect();
        tables.sort_by_key(|table| (!table.is_remarkable(), std::cmp::Reverse(table.bytes)));
        let shown: Vec<Vec<String>> = tables.iter().take(LINES_MAX).map(|table| self.table(table)).collect();
        let head = ["table", "rows", "size", "splits", "key", "read", "rejected", "touched", "target"];
        let mut body = aligned(&head, &shown, &[1, 2, 3, 5, 6, 7]);
        if tables.len() > LINES_MAX {
            body += &format!("  … and {} smaller tables: see --html or --output json\n", tables.len() - LINES_MAX);
        }
        self.section(&format!("Tables ({})", tables.len()), body)
    }

    fn table(&self, table: &TableAssessment) -> Vec<String> {
        let reading = table.reading.as_ref();
        let read = reading.map_or_else(String::new, |reading| match reading.whole {
            true => "all".to_owned(),
            false => grouped(reading.rows),
        });
        let name = match &table.target {
            Some(target) if *target != table.source => format!("{} -> {}", clean(&table.source), clean(target)),
            _ => clean(&table.source),
        };
        vec![
            name,
            rows_of(table),
            bytes_of(table.bytes),
            table.splits.map_or_else(String::new, grouped),
            key_of(table),
            read,
            reading.map_or_else(String::new, |reading| grouped(reading.rows_rejected)),
            table.rows_touched().map_or_else(String::new, grouped),
            standing_of(table).to_owned(),
        ]
    }

    fn rejects(&self) -> String {
        let mut lines = Vec::new();
        for table in &self.assessment.tables {
            let Some(reading) = &table.reading else { continue };
            for group in &reading.rejects {
                let keys =
                    if group.keys.is_empty() { String::new() } else { format!(", such as {}", group.keys.join("; ")) };
                let text = format!(
                    "\"{}\".\"{}\": {} ({} of {} read{keys})",
                    table.source,
                    group.column,
                    group.reason,
                    grouped(group.rows),
                    grouped(reading.rows)
                );
                lines.push(self.wrap("  * ", &text));
            }
            if reading.rows_rejected_otherwise > 0 {
                let rows = counted(reading.rows_rejected_otherwise, "row");
                lines.push(self.wrap("  * ", &format!("\"{}\": {rows} for other reasons", table.source)));
            }
            for column in &table.columns {
                let Some(bounds) = column.bounds.filter(|bounds| !bounds.fits) else { continue };
                let (least, greatest) = (bounds.least, bounds.greatest);
                let text = format!(
                    "\"{}\".\"{}\": the key goes from {least} to {greatest}, beyond {}",
                    table.source, column.target, column.to
                );
                lines.push(self.wrap("  * ", &text));
            }
        }
        let body = some(lines, "reasons");
        self.section("Rows that would be rejected", body)
    }

    fn types(&self) -> String {
        let columns = self.assessment.columns();
        if columns.is_empty() {
            return String::new();
        }
        let [exact, by_rule, lossy] = [Decision::Exact, Decision::ExactWithRule, Decision::Lossy]
            .map(|decision| self.assessment.columns_with(decision));
        let mut body = format!("  {exact} columns arrive as they are, {by_rule} by a rule, {lossy} with a loss\n");
        let one = |(table, column): &(&TableAssessment, &crate::assessment::model::ColumnAssessment)| {
            let touched = match (column.rows_touched, &table.reading) {
                (Some(rows), Some(reading)) => {
                    format!(" ({} of {} rows read changed)", grouped(rows), grouped(reading.rows))
                }
                _ => String::new(),
            };
            let mark = if column.decision == Decision::Lossy { "LOSSY " } else { "" };
            let rule = column.rule.as_deref().unwrap_or_default();
            self.wrap("  * ", &format!("{mark}\"{}\".\"{}\": {rule}{touched}", table.source, column.target))
        };
        let ruled = columns.iter().filter(|(_, column)| column.decision != Decision::Exact).map(one).collect();
        body += &some(ruled, "columns");
        self.section(&format!("Types ({} columns)", columns.len()), body)
    }

    fn left_behind(&self) -> String {
        let one = |kind: &crate::assessment::model::LeftBehind| {
            let shown = kind.objects.iter().take(OBJECTS_MAX).cloned().collect::<Vec<_>>().join("; ");
            let more = kind.objects.len().saturating_sub(OBJECTS_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            self.wrap(&format!("  {:>4} ", kind.objects.len()), &format!("{shown}{more}"))
        };
        let body = some(self.assessment.not_carried.iter().map(one).collect(), "kinds");
        self.section("Not carried over", body)
    }

    fn settings(&self) -> String {
        let mut lines = Vec::new();
        for (side, end) in [("source", &self.assessment.source), ("target", &self.assessment.target)] {
            for setting in &end.settings {
                let mark = if setting.advice.is_some() { "!" } else { "" };
                lines.push(vec![side.to_owned(), clean(&setting.name), clean(&setting.value), mark.to_owned()]);
            }
        }
        if lines.is_empty() {
            return String::new();
        }
        self.section("Settings", aligned(&["side", "name", "value", ""], &lines, &[]))
    }

    fn time(&self) -> String {
        let Some(estimate) = &self.assessment.estimate else {
            return match self.assessment.ready {
                true => "Time\n  No estimate: the size of a table is not known, or nothing could be read.\n".to_owned(),
                false => String::new(),
            };
        };
        let took = interval(estimate.seconds_low, estimate.seconds_high);
        let mut body = format!("  {took} for {}\n", size(estimate.bytes));
        for sentence in &estimate.basis {
            body += &self.wrap("  ", sentence);
        }
        self.section("Time", body)
    }

    fn reading(&self) -> String {
        let lines: String = reading_of(self.assessment).iter().map(|line| self.wrap("  ", line)).collect();
        self.section("What this rests on", lines)
    }

    fn next(&self) -> String {
        let file = clean(&self.assessment.plan_file);
        match self.assessment.ready {
            true => format!("{}: sensei run {file}\n", verdict(self.assessment.verdict)),
            false => "not ready: settle what is in the way first\n".to_owned(),
        }
    }
}

/// The first lines, and how many more there are.
fn some(lines: Vec<String>, what: &str) -> String {
    let more = lines.len().saturating_sub(LINES_MAX);
    let mut out: String = lines.into_iter().take(LINES_MAX).collect();
    if more > 0 {
        out += &format!("  … and {more} more {what}: see --html or --output json\n");
    }
    out
}
