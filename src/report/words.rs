//! Numbers with their nouns, and durations, in words.

use jiff::SignedDuration;

/// Returns a number with its noun, such as `1 pack` or `2 packs`.
pub fn counted(number: usize, noun: &str) -> String {
    format!("{number} {}", noun_of(number, noun))
}

/// Returns a noun in the singular or plural that a number needs.
pub fn noun_of(number: usize, noun: &str) -> String {
    let plural = match noun {
        _ if number == 1 => "",
        noun if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{noun}{plural}")
}

/// Returns a duration such as `15 min`, `1 h 15 min` or `2 d 17 h`.
pub fn duration(duration: SignedDuration) -> String {
    let minutes = duration.as_mins().max(0);
    let parts = [
        (minutes / 1440, "d"),
        (minutes % 1440 / 60, "h"),
        (minutes % 60, "min"),
    ];
    let Some(first) = parts.iter().position(|(number, _)| *number > 0) else {
        return "less than 1 min".to_owned();
    };
    // Minutes are left out if there are days.
    let parts = parts.into_iter().skip(first).take(2);
    let parts: Vec<String> = parts
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number} {unit}"))
        .collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::{counted, duration};

    #[test]
    fn durations_are_short_and_exact() {
        for (seconds, text) in [
            (-5, "less than 1 min"),
            (59, "less than 1 min"),
            (60, "1 min"),
            (3_600, "1 h"),
            (86_400 + 60, "1 d"),
            (2 * 86_400 + 20 * 3_600 + 59, "2 d 20 h"),
        ] {
            assert_eq!(duration(SignedDuration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn every_number_has_its_noun() {
        assert_eq!(
            [
                counted(1, "pack"),
                counted(2, "pack"),
                counted(2, "address")
            ],
            ["1 pack", "2 packs", "2 addresses"]
        );
    }
}
