//! The message of a group: that of its first member, with placeholders where the members differ.

use crate::model::{MessagePart, message_parts};

/// Stands for an account id that differs between members.
const ACCOUNT: &str = "ACCOUNT";

/// Stands for other text that differs between members.
const PLACEHOLDER: &str = "...";

/// Minimum number of ARNs in a row that are shown as their number.
const MIN_FOLDED_ARNS: usize = 3;

/// The message that the members of a group have in common.
#[derive(Debug, Clone, Default)]
pub(super) struct CommonMessage<'a> {
    /// The message of the first member.
    first: Option<&'a str>,
    pieces: Vec<Piece<'a>>,
}

/// The smallest part of a message that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece<'a> {
    text: &'a str,
    /// Number of the message part that it belongs to.
    part: usize,
    kind: PieceKind,
    /// Whether another member has something else in its place.
    differs: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PieceKind {
    /// A word, or what is between words.
    Plain,
    /// Letters and digits of a variable.
    Name,
    /// A sign inside a variable.
    Sign,
}

impl<'a> CommonMessage<'a> {
    /// Adds the message of a member.
    pub(super) fn add(&mut self, message: &'a str) {
        let Some(first) = self.first else {
            self.first = Some(message);
            self.pieces = pieces(message);
            return;
        };
        if message != first {
            self.compare(&pieces(message));
        }
    }

    fn compare(&mut self, other: &[Piece<'_>]) {
        let same_form = self.pieces.len() == other.len()
            && self.pieces.iter().zip(other).all(|(one, other)| {
                one.kind == other.kind && (one.kind == PieceKind::Name || one.text == other.text)
            });
        if same_form {
            for (piece, other) in self.pieces.iter_mut().zip(other) {
                piece.differs |= piece.text != other.text;
            }
            return;
        }
        // The ids have other forms, such as another number of ARNs: everything between what is
        // equal at the start and at the end differs.
        let equal = |one: &Piece<'_>, other: &Piece<'_>| one.text == other.text;
        let start = self
            .pieces
            .iter()
            .zip(other)
            .take_while(|(one, other)| equal(one, other))
            .count();
        let end = self.pieces[start..]
            .iter()
            .rev()
            .zip(other[start.min(other.len())..].iter().rev())
            .take_while(|(one, other)| equal(one, other))
            .count();
        let until = self.pieces.len() - end;
        for piece in &mut self.pieces[start..until] {
            piece.differs |= piece.kind != PieceKind::Plain;
        }
    }

    /// Returns the message; `None` if no member has one.
    pub(super) fn shown(&self) -> Option<String> {
        self.first?;
        let mut shown = String::new();
        for part in self.pieces.chunk_by(|one, other| one.part == other.part) {
            match folded_arns(part) {
                Some(folded) => shown.push_str(&folded),
                None => push_part(part, &mut shown),
            }
        }
        Some(shown)
    }
}

/// Splits a message into its pieces.
fn pieces(message: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    for (part, of) in message_parts(message).into_iter().enumerate() {
        let mut push = |text, kind| {
            pieces.push(Piece {
                text,
                part,
                kind,
                differs: false,
            });
        };
        match of {
            MessagePart::Word(text) | MessagePart::Separator(text) => push(text, PieceKind::Plain),
            MessagePart::Variable(text) => {
                let mut rest = text;
                while let Some(first) = rest.chars().next() {
                    let is_name = first.is_alphanumeric();
                    let end = rest.find(|c: char| c.is_alphanumeric() != is_name);
                    let end = uuid_length(rest).or(end).unwrap_or(rest.len());
                    let (piece, after) = rest.split_at(end);
                    let kind = if is_name {
                        PieceKind::Name
                    } else {
                        PieceKind::Sign
                    };
                    push(piece, kind);
                    rest = after;
                }
            }
        }
    }
    pieces
}

/// Returns the length of the UUID at the start of a text, if there is one.
fn uuid_length(text: &str) -> Option<usize> {
    let uuid = text.as_bytes().get(..36)?;
    let is_uuid = uuid.iter().enumerate().all(|(index, byte)| match index {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    is_uuid.then_some(uuid.len())
}

/// Writes a part. Pieces that differ, with the signs between them, become one placeholder.
fn push_part(part: &[Piece<'_>], shown: &mut String) {
    let mut index = 0;
    while let Some(piece) = part.get(index) {
        if !piece.differs {
            shown.push_str(piece.text);
            index += 1;
            continue;
        }
        let mut end = index + 1;
        loop {
            let signs = part[end..]
                .iter()
                .take_while(|piece| piece.kind == PieceKind::Sign)
                .count();
            if part.get(end + signs).is_some_and(|piece| piece.differs) {
                end += signs + 1;
            } else {
                break;
            }
        }
        let is_account = end == index + 1
            && piece.text.len() == 12
            && piece.text.bytes().all(|byte| byte.is_ascii_digit());
        shown.push_str(if is_account { ACCOUNT } else { PLACEHOLDER });
        index = end;
    }
}

/// Returns the number of ARNs in words if a part is a list of several that differs between members.
fn folded_arns(part: &[Piece<'_>]) -> Option<String> {
    if !part.iter().any(|piece| piece.differs) {
        return None;
    }
    let text: String = part.iter().map(|piece| piece.text).collect();
    let arns = text
        .split_whitespace()
        .filter(|word| {
            word.trim_start_matches(['(', '[', '"', '\''])
                .starts_with("arn:")
        })
        .count();
    let is_list = arns >= MIN_FOLDED_ARNS && arns * 2 > text.split_whitespace().count();
    is_list.then(|| {
        if text.contains(" ... ") {
            format!("{arns} or more ARNs")
        } else {
            format!("{arns} ARNs")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::CommonMessage;

    fn shown(messages: &[&str]) -> Option<String> {
        let mut common = CommonMessage::default();
        for message in messages {
            common.add(message);
        }
        common.shown()
    }

    #[test]
    fn message_has_placeholders_only_where_members_differ() {
        assert_eq!(shown(&[]), None);
        for (messages, expected) in [
            (
                [
                    "no recorder in account 222233334444.",
                    "no recorder in account 333344445555.",
                ],
                "no recorder in account ACCOUNT.",
            ),
            (
                [
                    "rule s3-1-x in eu-west-1 failed",
                    "rule s3-1-x in eu-west-1 failed",
                ],
                "rule s3-1-x in eu-west-1 failed",
            ),
            (
                [
                    "User: arn:aws:sts::222233334444:assumed-role/ConfigConforms/x is denied in eu-west-1",
                    "User: arn:aws:sts::333344445555:assumed-role/ConfigConforms/x is denied in eu-west-1",
                ],
                "User: arn:aws:sts::ACCOUNT:assumed-role/ConfigConforms/x is denied in eu-west-1",
            ),
            (
                [
                    "Request ID: 5c2f1f5e-9f6b-4e2a (it failed)",
                    "Request ID: 6d3a0f6f-8a7c-5f3b (it failed)",
                ],
                "Request ID: ... (it failed)",
            ),
            (
                ["stacks arn:aws:a:1 and 2/x failed", "stacks 3/y/z failed"],
                "stacks ... and ... failed",
            ),
        ] {
            assert_eq!(shown(&messages).as_deref(), Some(expected));
        }
    }

    #[test]
    fn many_arns_in_a_row_are_shown_as_their_number_if_they_differ() {
        let message = |account: u8| {
            let arn = format!("arn:aws:x:{account}:y/z-1-2");
            format!("failed: [{}] no recorder", vec![arn; 9].join(", "))
        };
        let one = message(1);
        assert_eq!(shown(&[&one]), Some(one.clone()));
        assert_eq!(
            shown(&[&one, &message(2)]).as_deref(),
            Some("failed: [9 ARNs] no recorder")
        );
    }
}
