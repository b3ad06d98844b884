//! The subject line: ASCII, at most 99 characters. Parts that do not fit are left out; numbers are
//! never rounded.

use super::contents::Digest;

/// Maximum length of a subject. [SNS](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html)
/// requires fewer than 100 characters.
const MAX_SUBJECT_CHARS: usize = 99;

/// Returns the subject of the digest.
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
    let open_gaps = digest.gaps.iter().filter(|gap| gap.end.is_none()).count();
    let ended_gaps = digest.gaps.len() - open_gaps;
    let (empty_sources, repopulated) = super::empty_sources::counts(digest);
    let extras = [
        (
            empty_sources,
            if empty_sources == 1 {
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
        (open_gaps, "not read"),
        (
            ended_gaps,
            if ended_gaps == 1 {
                "gap ended"
            } else {
                "gaps ended"
            },
        ),
        (digest.unwatched.len(), "no longer watched"),
        (digest.reminders.len(), "still open after a while"),
    ];
    let extras = extras.into_iter().filter(|(count, _)| *count > 0);
    let extras: Vec<String> = extras
        .map(|(count, phrase)| format!(", {count} {phrase}"))
        .collect();
    let bare = format!("packwatch{label}: {changes}, {} open", digest.open);
    let fits = |subject: &String| subject.len() <= MAX_SUBJECT_CHARS;
    let with_packs =
        [packs(digest, true), packs(digest, false)].map(|packs| format!("{bare}{packs}"));
    // If the subject is too long, drop the name of the pack before the extras, and the number of
    // packs before the extra about sources that list no packs.
    let first_extra = if empty_sources > 0 {
        extras[0].as_str()
    } else {
        ""
    };
    let all_extras = extras.concat();
    let mut subject = match with_packs {
        [named, _] if fits(&format!("{named}{all_extras}")) => named,
        [_, counted] if fits(&format!("{counted}{first_extra}")) => counted,
        _ => bare,
    };
    for extra in extras {
        if subject.len() + extra.len() <= MAX_SUBJECT_CHARS {
            subject.push_str(&extra);
        }
    }
    subject.truncate(MAX_SUBJECT_CHARS);
    subject
}

/// Returns the phrase for the packs with open failures: their number, or the name of a single pack
/// if `by_name` is set.
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
