//! The subject line: ASCII, at most 99 characters, numbers exact.

use super::Digest;

/// [SNS](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html) wants fewer than 100 characters.
const LIMIT: usize = 99;

pub(super) fn subject(digest: &Digest) -> String {
    let label = digest.label.as_ref().map_or_else(String::new, |label| format!(" {label}"));
    let changes = if digest.first_run {
        "first run".to_owned()
    } else {
        format!("{} appeared, {} cleared", digest.totals.appeared, digest.totals.cleared)
    };
    let open = digest.totals.open_all;
    let packs = match digest.packs_failing {
        0 => String::new(),
        1 => " in 1 pack".to_owned(),
        many => format!(" in {many} packs"),
    };
    let counted = format!("packwatch{label}: {changes}, {open} open{packs}");
    let mut subject = match (digest.packs_failing, digest.packs_open.first()) {
        (1, Some(pack)) => {
            format!("packwatch{label}: {changes}, {open} open in {}", ascii(&super::inert(pack.as_str())))
        }
        _ => counted.clone(),
    };
    if subject.len() > LIMIT {
        subject = counted;
    }
    let lasting = digest.gaps.iter().filter(|gap| gap.state != crate::snapshot::GapState::Ended).count();
    let ended = digest.gaps.len() - lasting;
    let extras = [
        (lasting, "not read"),
        (ended, if ended == 1 { "gap ended" } else { "gaps ended" }),
        (digest.unwatched.len(), "no longer watched"),
        (digest.reminded.len(), "still open after a while"),
    ];
    for (count, words) in extras.into_iter().filter(|(count, _)| *count > 0) {
        let extra = format!(", {count} {words}");
        if subject.len() + extra.len() <= LIMIT {
            subject.push_str(&extra);
        }
    }
    subject.truncate(LIMIT);
    subject
}

fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect()
}
