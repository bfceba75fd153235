//! The assessment as one page that needs nothing else: no script, no font, no picture from anywhere.
//!
//! **Invariant:** whatever comes from a database or a plan goes through [`escaped`]. Names can be hostile.

use crate::assessment::layout::{clean, elapsed, grouped, interval, size};
use crate::assessment::model::{
    Assessment, ColumnAssessment, Decision, End, Finding, Readiness, TableAssessment, TargetStanding,
};
use crate::assessment::text::{bytes_of, key_of, reading_of, rows_of, standing_of, verdict};
use crate::report::counted;

const STYLE: &str = include_str!("page.css");

/// Tables whose columns are shown; the JSON form has all of them.
const TABLES_WITH_COLUMNS_MAX: usize = 500;

/// The whole page.
pub fn page(assessment: &Assessment) -> String {
    let body: String = [
        head(assessment),
        findings("In the way", "bad", &assessment.blockers),
        findings("Worth knowing", "", &assessment.remarks),
        tables(assessment),
        rejects(assessment),
        columns(assessment),
        left_behind(assessment),
        settings(assessment),
        rests_on(assessment),
        foot(assessment),
    ]
    .concat();
    let title = format!("{}: {}", escaped(&assessment.plan), verdict(assessment.verdict));
    // Even if something slipped through, no script would run and nothing would be fetched.
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// Text that is text in HTML, in an element or in a quoted attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn section(title: &str, count: &str, body: &str) -> String {
    let count = if count.is_empty() { String::new() } else { format!("<small>{count}</small>") };
    if body.is_empty() { String::new() } else { format!("<section>\n<h2>{title}{count}</h2>\n{body}</section>\n") }
}

fn head(assessment: &Assessment) -> String {
    let class = match assessment.verdict {
        Readiness::Ready => "ready",
        Readiness::ReadyWithRemarks => "remarks",
        Readiness::NotReady => "blocked",
    };
    let headlines: String =
        assessment.headlines.iter().map(|headline| format!("<li>{}</li>\n", escaped(headline))).collect();
    let headlines = if headlines.is_empty() { headlines } else { format!("<ul>\n{headlines}</ul>") };
    format!(
        "<header>\n<p>Assessment before migration</p>\n<h1>{}</h1>\n</header>\n\
         <div class=\"verdict {class}\"><strong>{}</strong>{headlines}</div>\n{}",
        escaped(&assessment.plan),
        verdict(assessment.verdict),
        facts(assessment)
    )
}

fn facts(assessment: &Assessment) -> String {
    let end = |end: &End| {
        let free = end.free_bytes.map(|free| format!(", {} free", size(free))).unwrap_or_default();
        (end.description.clone(), format!("{} {}{free}", end.system, end.version))
    };
    let (from, from_more) = end(&assessment.source);
    let (to, to_more) = end(&assessment.target);
    let rows = assessment.rows().map_or_else(
        || "rows not known".to_owned(),
        |(rows, counted)| format!("{}{} rows", if counted { "" } else { "about " }, grouped(rows)),
    );
    let bytes = assessment.bytes().map(|bytes| format!(", about {}", size(bytes))).unwrap_or_default();
    let time = assessment
        .estimate
        .as_ref()
        .map_or_else(|| "not estimated".to_owned(), |estimate| interval(estimate.seconds_low, estimate.seconds_high));
    let facts = [
        ("From", from, from_more),
        ("To", to, to_more),
        ("Tables", grouped(assessment.tables.len() as u64), format!("{rows}{bytes}")),
        ("A run takes", time, "see the last section".to_owned()),
    ];
    let fact = |(title, value, more): &(&str, String, String)| {
        format!("<div><dt>{title}</dt><dd>{}</dd><dd>{}</dd></div>\n", escaped(value), escaped(more))
    };
    format!("<dl class=\"facts\">\n{}</dl>\n", facts.iter().map(fact).collect::<String>())
}

fn findings(title: &str, class: &str, findings: &[Finding]) -> String {
    let detail = |class: &str, text: &String| {
        if text.is_empty() { String::new() } else { format!("<p class=\"{class}\">{}</p>", escaped(text)) }
    };
    let one = |finding: &Finding| {
        let code = finding.code.as_ref().map(|code| format!("<span class=\"tag\">{}</span> ", escaped(code)));
        format!(
            "<div class=\"finding {class}\">{}{}{}{}</div>\n",
            code.unwrap_or_default(),
            escaped(&finding.what),
            detail("why", &finding.why),
            detail("hint", &finding.hint)
        )
    };
    section(title, &findings.len().to_string(), &findings.iter().map(one).collect::<String>())
}

fn name(text: &str) -> String {
    format!("<span class=\"name\">{}</span>", escaped(text))
}

fn number(text: &str) -> String {
    format!("<td class=\"number\">{}</td>", escaped(text))
}

/// A table with a head; columns whose title begins with `#` hold numbers.
fn grid(head: &[&str], lines: &str) -> String {
    let title = |title: &&str| match title.strip_prefix('#') {
        Some(title) => format!("<th scope=\"col\" class=\"number\">{title}</th>"),
        None => format!("<th scope=\"col\">{title}</th>"),
    };
    let head: String = head.iter().map(title).collect();
    format!("<div class=\"scroll\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{lines}</tbody>\n</table></div>\n")
}

fn tables(assessment: &Assessment) -> String {
    let lines: String = assessment.tables.iter().map(table).collect();
    let head = ["Table", "#Rows", "#Size", "#Splits", "Key", "#Read", "#Rejected", "#Touched", "In the target"];
    section("Tables", &grouped(assessment.tables.len() as u64), &grid(&head, &lines))
}

fn table(table: &TableAssessment) -> String {
    let reading = table.reading.as_ref();
    let read = reading.map_or_else(String::new, |reading| match reading.whole {
        true => "all".to_owned(),
        false => grouped(reading.rows),
    });
    let rejected = match reading.map(|reading| reading.rows_rejected) {
        Some(rows @ 1..) => format!("<td class=\"number\"><span class=\"tag bad\">{}</span></td>", grouped(rows)),
        Some(0) => number("0"),
        None => number(""),
    };
    let touched = match table.rows_touched() {
        Some(rows @ 1..) => format!("<td class=\"number\"><span class=\"tag warn\">{}</span></td>", grouped(rows)),
        Some(0) => number("0"),
        None => number(""),
    };
    let into = match &table.target {
        Some(target) if *target != table.source => format!(" <span class=\"soft\">→</span> {}", name(target)),
        _ => String::new(),
    };
    let class = if table.standing == Some(TargetStanding::Occupied) { "tag bad" } else { "tag" };
    let standing = standing_of(table);
    let standing =
        if standing.is_empty() { String::new() } else { format!("<span class=\"{class}\">{standing}</span>") };
    let filtered = if table.filtered { " <span class=\"tag\">where</span>" } else { "" };
    let key =
        if table.key.is_empty() { "<span class=\"tag warn\">none</span>".to_owned() } else { name(&key_of(table)) };
    format!(
        "<tr><td>{}{into}{filtered}</td>{}{}{}<td>{key}</td>{}{rejected}{touched}<td>{standing}</td></tr>\n",
        name(&table.source),
        number(&rows_of(table)),
        number(&bytes_of(table.bytes)),
        number(&table.splits.map_or_else(String::new, grouped)),
        number(&read),
    )
}

fn rejects(assessment: &Assessment) -> String {
    let mut lines = String::new();
    let mut rows_total = 0;
    let mut line = |table: &str, column: &str, reason: &str, rows: &str, keys: &str| {
        let place = format!("{}.{}", name(table), name(column));
        lines +=
            &format!("<tr><td>{place}</td><td>{}</td>{}<td>{}</td></tr>\n", escaped(reason), number(rows), name(keys));
    };
    for table in &assessment.tables {
        let Some(reading) = &table.reading else { continue };
        rows_total += reading.rows_rejected;
        for group in &reading.rejects {
            let rows = format!("{} of {}", grouped(group.rows), grouped(reading.rows));
            line(&table.source, &group.column, &group.reason, &rows, &group.keys.join("; "));
        }
        if reading.rows_rejected_otherwise > 0 {
            let rows = grouped(reading.rows_rejected_otherwise);
            line(&table.source, "…", "other reasons", &rows, "");
        }
        for column in table.columns.iter().filter(|column| column.bounds.is_some_and(|bounds| !bounds.fits)) {
            let Some(bounds) = column.bounds else { continue };
            let keys = format!("{} to {}", bounds.least, bounds.greatest);
            line(&table.source, &column.target, &format!("the key reaches beyond {}", column.to), "", &keys);
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let body = grid(&["Column", "Why", "#Of the rows read", "Keys, such as"], &lines);
    section("Rows that would be rejected", &format!("{} seen", grouped(rows_total)), &body)
}

fn columns(assessment: &Assessment) -> String {
    let all = assessment.columns();
    if all.is_empty() {
        return String::new();
    }
    let [exact, by_rule, lossy] = [Decision::Exact, Decision::ExactWithRule, Decision::Lossy]
        .map(|decision| grouped(assessment.columns_with(decision) as u64));
    let mut body = format!("<p>{exact} columns arrive as they are, {by_rule} by a rule, {lossy} with a loss.</p>\n");
    for table in assessment.tables.iter().take(TABLES_WITH_COLUMNS_MAX) {
        let lines: String = table.columns.iter().map(|one| column(table, one)).collect();
        let worst = table.columns.iter().map(|column| column.decision).min();
        let open = if worst.is_some_and(|worst| worst < Decision::Exact) { " open" } else { "" };
        let count = counted(table.columns.len() as u64, "column");
        body += &format!(
            "<details class=\"columns\"{open}><summary>{} <span class=\"soft\">{count}</span></summary>\n{}</details>\n",
            name(&table.source),
            grid(&["Column", "From", "Means", "To", "Decision", "Rule", "#Touched"], &lines)
        );
    }
    let hidden = assessment.tables.len().saturating_sub(TABLES_WITH_COLUMNS_MAX);
    if hidden > 0 {
        body += &format!("<p class=\"soft\">The columns of {hidden} more tables are in the JSON form.</p>\n");
    }
    section("Types", &counted(all.len() as u64, "column"), &body)
}

fn column(table: &TableAssessment, column: &ColumnAssessment) -> String {
    let (class, decision) = match column.decision {
        Decision::Exact => ("tag good", "exact"),
        Decision::ExactWithRule => ("tag", "exact, by rule"),
        Decision::Lossy => ("tag bad", "lossy"),
    };
    let into = match &column.source {
        Some(source) if *source != column.target => format!("{} <span class=\"soft\">→</span> ", name(source)),
        _ => String::new(),
    };
    let means = match column.from == column.to {
        true => column.from.clone(),
        false => format!("{} → {}", column.from, column.to),
    };
    let touched = match (column.rows_touched, &table.reading) {
        (Some(rows), Some(reading)) => format!("{} of {}", grouped(rows), grouped(reading.rows)),
        _ => String::new(),
    };
    format!(
        "<tr><td>{into}{}</td><td>{}</td><td>{}</td><td>{}</td><td><span class=\"{class}\">{decision}</span></td><td>{}</td>{}</tr>\n",
        name(&column.target),
        name(column.source_type.as_deref().unwrap_or_default()),
        name(&means),
        name(&column.target_type),
        escaped(column.rule.as_deref().unwrap_or_default()),
        number(&touched)
    )
}

fn left_behind(assessment: &Assessment) -> String {
    let count: usize = assessment.not_carried.iter().map(|kind| kind.objects.len()).sum();
    let kinds = assessment.not_carried.iter().map(|kind| {
        let lines: String =
            kind.objects.iter().map(|object| format!("<tr><td>{}</td></tr>\n", escaped(object))).collect();
        let count = grouped(kind.objects.len() as u64);
        format!(
            "<details><summary>{} <span class=\"soft\">{count}</span></summary>\n{}</details>\n",
            escaped(&kind.kind),
            grid(&["What, and why"], &lines)
        )
    });
    section("Not carried over", &grouped(count as u64), &kinds.collect::<String>())
}

fn settings(assessment: &Assessment) -> String {
    let mut lines = String::new();
    for (side, end) in [("source", &assessment.source), ("target", &assessment.target)] {
        for setting in &end.settings {
            let class = if setting.advice.is_some() { "tag warn" } else { "" };
            lines += &format!(
                "<tr><td>{side}</td><td>{}</td><td><span class=\"{class}\">{}</span></td><td>{}</td></tr>\n",
                name(&setting.name),
                escaped(&setting.value),
                escaped(setting.advice.as_deref().unwrap_or_default())
            );
        }
    }
    let body = if lines.is_empty() { lines } else { grid(&["Side", "Setting", "Value", "Advice"], &lines) };
    section("Settings that matter", "", &body)
}

fn rests_on(assessment: &Assessment) -> String {
    let mut sentences = reading_of(assessment);
    sentences.extend(assessment.estimate.iter().flat_map(|estimate| estimate.basis.iter().cloned()));
    let sentences: String = sentences.iter().map(|sentence| format!("<li>{}</li>\n", escaped(sentence))).collect();
    section("What this rests on", "", &format!("<ul>\n{sentences}</ul>\n"))
}

fn foot(assessment: &Assessment) -> String {
    format!(
        "<footer>Made {} by sensei {} from {} in {}. Nothing was written. No value of any cell is on this page, except \
         the keys of rows that would be rejected.</footer>\n",
        escaped(&assessment.made_at),
        escaped(&assessment.engine_version),
        name(&assessment.plan_file),
        elapsed(assessment.elapsed_seconds)
    )
}
