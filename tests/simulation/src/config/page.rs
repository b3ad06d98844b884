//! Pages and their tokens.
//!
//! A token says how many rows have been passed, not which: rows that appear or disappear between
//! two pages shift the pages that follow, as they do in a service that pages over a live list.

use serde::{Deserialize, Serialize};

use crate::answer::Refusal;

/// How pages are scripted; see the changes of these names.
#[derive(Debug, Default)]
pub(crate) struct Paging {
    pub size: Option<usize>,
    pub sparse: bool,
    pub empty_every: Option<usize>,
    pub trailing: bool,
}

/// Whether tokens lead on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tokens {
    Honest,
    /// A page answers with the token that it was asked with.
    Repeat,
    /// The third page leads back to the second.
    Cycle,
}

/// What a token is good for: operation, caller, region, pack, filters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chain(pub [String; 5]);

/// Rows passed, and pages served.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Position {
    rows: usize,
    pages: usize,
}

/// Rows, and the token for those that follow.
pub(crate) struct Page<T> {
    pub rows: Vec<T>,
    pub next: Option<String>,
}

/// The page size that a limit asks for: 0 to 100, where 0 means the default of 100.
pub(crate) fn size_of(limit: Option<i64>) -> Result<usize, Refusal> {
    match limit.unwrap_or(0) {
        0 => Ok(100),
        limit @ 1..=100 => Ok(usize::try_from(limit).expect("at most 100")),
        limit => {
            let message =
                format!("The specified limit {limit} is outside the allowable range of 0 to 100.");
            Err(Refusal::new(400, "InvalidLimitException", message))
        }
    }
}

impl Paging {
    /// The page of `rows` at a token that `keep` admits.
    pub fn page<T>(
        &self,
        chain: &Chain,
        token: Option<&str>,
        limit: usize,
        tokens: Tokens,
        rows: impl Iterator<Item = T>,
        keep: impl Fn(&T) -> bool,
    ) -> Result<Page<T>, Refusal> {
        let at = token.map_or(Ok(Position::default()), |token| chain.decode(token))?;
        let size = self.size.map_or(limit, |size| limit.min(size.max(1)));
        let (rows, next) = if self.is_empty_at(at) {
            (
                Vec::new(),
                Some(Position {
                    rows: at.rows,
                    ..at
                }),
            )
        } else if self.sparse {
            let (window, next) = self.window(rows, at, size);
            (window.into_iter().filter(keep).collect(), next)
        } else {
            self.window(rows.filter(keep), at, size)
        };
        let next = next.map(|next| Position {
            pages: at.pages + 1,
            ..next
        });
        let next = match tokens {
            Tokens::Honest => next.map(|next| chain.encode(next)),
            Tokens::Repeat => token
                .map(str::to_owned)
                .or_else(|| next.map(|next| chain.encode(next))),
            Tokens::Cycle => {
                let pages = if at.pages >= 2 { 1 } else { at.pages + 1 };
                Some(chain.encode(Position {
                    rows: pages * size,
                    pages,
                }))
            }
        };
        Ok(Page { rows, next })
    }

    /// Up to `size` rows from a position, and the position after them if there are more.
    fn window<T>(
        &self,
        rows: impl Iterator<Item = T>,
        at: Position,
        size: usize,
    ) -> (Vec<T>, Option<Position>) {
        let mut rows = rows.skip(at.rows);
        let window: Vec<T> = rows.by_ref().take(size).collect();
        let more = window.len() == size && (self.trailing || rows.next().is_some());
        let next = more.then_some(Position {
            rows: at.rows + size,
            ..at
        });
        (window, next)
    }

    fn is_empty_at(&self, at: Position) -> bool {
        self.empty_every
            .is_some_and(|pages| at.pages.is_multiple_of(pages + 1))
    }
}

impl Chain {
    fn encode(&self, position: Position) -> String {
        let plain = serde_json::to_vec(&(self, position)).expect("strings and numbers");
        let digit = |half: u8| char::from_digit(u32::from(half), 16).expect("half a byte");
        plain
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
            .collect()
    }

    /// The position in a token that was given out for this very chain.
    fn decode(&self, token: &str) -> Result<Position, Refusal> {
        let read = || -> Option<(Self, Position)> {
            let bytes: Option<Vec<u8>> = token
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
                .collect();
            serde_json::from_slice(&bytes?).ok()
        };
        match read() {
            Some((chain, position)) if chain == *self => Ok(position),
            _ => Err(Refusal::new(
                400,
                "InvalidNextTokenException",
                "The specified next token is not valid.",
            )),
        }
    }
}
