//! The page of each error code, compiled in so that none can go missing.

macro_rules! pages {
    ($($code:literal),* $(,)?) => {
        /// Codes and their pages.
        const PAGES: &[(&str, &str)] = &[$(($code, include_str!(concat!("../errors/", $code, ".md")))),*];
    };
}

pages!(
    "P101", "P102", "P103", "P104", "P201", "P202", "P203", "P204", "P205", "P206", "P207", "P208", "P209", "P210",
    "S101", "S102", "S103", "S104", "S201", "S202", "S203", "S210", "S211", "S301", "S302", "S303", "S304", "S305",
    "S306", "S401", "S402", "S403", "S404", "S601", "S602", "S603", "S901",
);

/// The page of a code.
pub fn page(code: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| *known == code).map(|(_, page)| *page)
}

/// All codes, in order.
pub fn codes() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|(code, _)| *code)
}

/// The title line of a code's page, `S101: …`.
pub fn title(code: &str) -> &'static str {
    page(code).and_then(|page| page.lines().next()).map_or("", |line| line.trim_start_matches("# "))
}

/// The first sentence under a page's "What to do": short enough for an error message.
pub fn remedy(code: &str) -> &'static str {
    let remedy = page(code).and_then(|page| page.split("## What to do\n").nth(1));
    remedy.and_then(|text| text.trim().lines().next()).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_says_what_happened_and_what_to_do() {
        for code in codes() {
            let page = page(code).expect("listed");
            assert!(page.starts_with(&format!("# {code}: ")), "{code}");
            assert!(page.contains("## Why\n") && !remedy(code).is_empty(), "{code}");
        }
    }

    #[test]
    fn every_problem_of_a_plan_has_a_page() {
        for code in sensei_planner::Code::ALL {
            assert!(page(code.as_str()).is_some(), "{}", code.as_str());
        }
    }
}
