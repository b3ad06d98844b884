//! The subject line: ASCII, at most 99 characters, numbers exact.

use super::contents::Digest;

/// [SNS](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html) wants fewer than 100
/// characters.
const LIMIT: usize = 99;

pub(super) fn subject(digest: &Digest) -> String {
    let label = digest
        .label
        .as_ref()
        .map_or_else(String::new, |label| format!(" {label}"));
    let changes = if digest.first_run {
        "first run".to_owned()
    } else {
        format!(
            "{} appeared, {} cleared",
            digest.totals.appeared, digest.totals.cleared
        )
    };
    let lasting = digest
        .gaps
        .iter()
        .filter(|gap| gap.state != crate::report::GapState::Ended)
        .count();
    let ended = digest.gaps.len() - lasting;
    let (emptied, repopulated) = super::empty_sources::counts(digest);
    let extras = [
        (
            emptied,
            if emptied == 1 {
                "source lists no packs"
            } else {
                "sources list no packs"
            },
        ),
        (
            repopulated,
            if repopulated == 1 {
                "source lists packs again"
            } else {
                "sources list packs again"
            },
        ),
        (lasting, "not read"),
        (
            ended,
            if ended == 1 {
                "gap ended"
            } else {
                "gaps ended"
            },
        ),
        (digest.unwatched.len(), "no longer watched"),
        (digest.reminded.len(), "still open after a while"),
    ];
    let extras = extras.into_iter().filter(|(count, _)| *count > 0);
    let extras: Vec<String> = extras
        .map(|(count, words)| format!(", {count} {words}"))
        .collect();
    let bare = format!(
        "packwatch{label}: {changes}, {} open",
        digest.totals.open_all
    );
    let fits = |subject: &String| subject.len() <= LIMIT;
    let with_packs =
        [packs(digest, true), packs(digest, false)].map(|packs| format!("{bare}{packs}"));
    // The name of a pack gives way to what else is to be said, and where the packs are to a source
    // that lists none.
    let first = if emptied > 0 { extras[0].as_str() } else { "" };
    let all = extras.concat();
    let mut subject = match with_packs {
        [named, _] if fits(&format!("{named}{all}")) => named,
        [_, counted] if fits(&format!("{counted}{first}")) => counted,
        _ => bare,
    };
    for extra in extras {
        if subject.len() + extra.len() <= LIMIT {
            subject.push_str(&extra);
        }
    }
    subject.truncate(LIMIT);
    subject
}

/// In how many packs something is open; with `by_name`, in which, where it is one.
fn packs(digest: &Digest, by_name: bool) -> String {
    match (digest.packs_failing, digest.packs_open.first()) {
        (0, _) => String::new(),
        (1, Some(pack)) if by_name => {
            format!(" in {}", ascii(&super::sanitize::sanitize(pack.as_str())))
        }
        (1, _) => " in 1 pack".to_owned(),
        (many, _) => format!(" in {many} packs"),
    }
}

fn ascii(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii_graphic() { c } else { '?' })
        .collect()
}
