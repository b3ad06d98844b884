//! The tags of a page, found without a parser of HTML: inside `style` and `script` elements, all
//! text belongs to the element; elsewhere a tag begins at every `<`.

use std::collections::BTreeSet;

/// A start tag: its name and the names of its attributes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    pub name: String,
    pub attributes: BTreeSet<String>,
}

/// Returns the start tags of a page in their order.
pub fn start_tags(page: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if rest.starts_with(['/', '!']) {
            continue;
        }
        let end = end_of_tag(rest);
        let tag = tag(&rest[..end]);
        rest = &rest[end..];
        if let "style" | "script" = tag.name.as_str() {
            let closing = format!("</{}>", tag.name);
            rest = &rest[rest.find(&closing).expect("the element ends")..];
        }
        tags.push(tag);
    }
    tags
}

/// Returns the position of the `>` that ends a tag.
fn end_of_tag(text: &str) -> usize {
    let mut in_quotes = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => in_quotes = !in_quotes,
            '>' if !in_quotes => return at,
            _ => {}
        }
    }
    panic!("a tag does not end: {text}");
}

fn tag(text: &str) -> Tag {
    let outside_quotes: String = text.split('"').step_by(2).collect();
    let mut words = outside_quotes.split_whitespace();
    Tag {
        name: words.next().expect("a tag has a name").to_owned(),
        attributes: words
            .map(|word| word.trim_end_matches('=').to_owned())
            .collect(),
    }
}
