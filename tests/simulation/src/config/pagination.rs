//! Pages and page tokens.
//!
//! A page token contains the number of records already returned, not the last record: records that
//! are added or removed between two calls shift the later pages, as in a service that pages over a
//! live list.

use serde::{Deserialize, Serialize};

use crate::service::ServiceError;

/// Paging options; the corresponding `Change` variants document them.
#[derive(Debug, Default)]
pub(crate) struct Paging {
    pub size: Option<usize>,
    pub sparse: bool,
    pub empty_every: Option<usize>,
    pub trailing: bool,
}

/// How page tokens are generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tokens {
    /// Every token leads to the next page.
    Normal,
    /// The next page token is the page token of the request.
    Repeat,
    /// The token of the third page leads back to the second page.
    Cycle,
    /// The last page has an empty token.
    EmptyLast,
}

/// What a token is valid for: operation, caller, region, pack and filters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TokenScope(pub [String; 5]);

/// Number of records and pages already returned.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Position {
    records: usize,
    pages: usize,
}

/// A page of records, and the token of the next page.
pub(crate) struct Page<T> {
    pub records: Vec<T>,
    pub next: Option<String>,
}

/// Returns the page size for a `Limit` of 0 to 100, where 0 means the default of 100.
pub(crate) fn page_size(limit: Option<i64>) -> Result<usize, ServiceError> {
    match limit.unwrap_or(0) {
        0 => Ok(100),
        limit @ 1..=100 => Ok(usize::try_from(limit).expect("at most 100")),
        limit => {
            let message =
                format!("The specified limit {limit} is outside the allowable range of 0 to 100.");
            Err(ServiceError::new(400, "InvalidLimitException", message))
        }
    }
}

impl Paging {
    /// Returns the page at a token, with the records for which `keep` returns true.
    pub fn page<T>(
        &self,
        scope: &TokenScope,
        token: Option<&str>,
        limit: usize,
        tokens: Tokens,
        records: impl Iterator<Item = T>,
        keep: impl Fn(&T) -> bool,
    ) -> Result<Page<T>, ServiceError> {
        let start = token.map_or(Ok(Position::default()), |token| scope.decode(token))?;
        let size = self.size.map_or(limit, |size| limit.min(size.max(1)));
        let (records, next) = if self.is_empty_at(start) {
            (Vec::new(), Some(start))
        } else if self.sparse {
            let (window, next) = self.window(records, start, size);
            (window.into_iter().filter(keep).collect(), next)
        } else {
            self.window(records.filter(keep), start, size)
        };
        let next = next.map(|next| Position {
            pages: start.pages + 1,
            ..next
        });
        let next = match tokens {
            Tokens::Normal => next.map(|next| scope.encode(next)),
            Tokens::EmptyLast => Some(next.map_or_else(String::new, |next| scope.encode(next))),
            Tokens::Repeat => token
                .map(str::to_owned)
                .or_else(|| next.map(|next| scope.encode(next))),
            Tokens::Cycle => {
                let pages = if start.pages >= 2 { 1 } else { start.pages + 1 };
                Some(scope.encode(Position {
                    records: pages * size,
                    pages,
                }))
            }
        };
        Ok(Page { records, next })
    }

    /// Returns up to `size` records from a position, and the next position if there is another
    /// page.
    fn window<T>(
        &self,
        records: impl Iterator<Item = T>,
        start: Position,
        size: usize,
    ) -> (Vec<T>, Option<Position>) {
        let mut records = records.skip(start.records);
        let window: Vec<T> = records.by_ref().take(size).collect();
        let more = window.len() == size && (self.trailing || records.next().is_some());
        let next = more.then_some(Position {
            records: start.records + size,
            ..start
        });
        (window, next)
    }

    fn is_empty_at(&self, start: Position) -> bool {
        self.empty_every
            .is_some_and(|pages| start.pages.is_multiple_of(pages + 1))
    }
}

impl TokenScope {
    fn encode(&self, position: Position) -> String {
        let plain = serde_json::to_vec(&(self, position)).expect("strings and numbers");
        let digit = |half: u8| char::from_digit(u32::from(half), 16).expect("four bits");
        plain
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
            .collect()
    }

    /// Returns the position of a token, which must have been issued for the same scope.
    fn decode(&self, token: &str) -> Result<Position, ServiceError> {
        let parse = || -> Option<(Self, Position)> {
            let bytes: Option<Vec<u8>> = token
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
                .collect();
            serde_json::from_slice(&bytes?).ok()
        };
        match parse() {
            Some((scope, position)) if scope == *self => Ok(position),
            _ => Err(ServiceError::new(
                400,
                "InvalidNextTokenException",
                "The specified next token is not valid.",
            )),
        }
    }
}
