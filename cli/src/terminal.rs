//! The terminal: its width, its colors, and writing to it.

use std::io::{self, ErrorKind, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

/// Style of words that need attention.
pub(crate) const ALARM: Style = AnsiColor::Red.on_default().bold();
/// Style of words about missing data.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// Style of words about good news.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Style of the first sentence.
pub(crate) const STRONG: Style = Style::new().bold();
/// Style of labels.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// Width if the output is no terminal.
const DEFAULT_WIDTH: usize = 80;

/// Width above which sentences are hard to read.
const MAX_WIDTH: usize = 100;

/// Width below which lines are left to the terminal to break.
const MIN_WIDTH: usize = 40;

/// Returns the width for lines on standard output.
pub(crate) fn output_width() -> usize {
    width(terminal_size::terminal_size_of(io::stdout()))
}

/// Returns the width for lines on standard error; `None` if it is no terminal, where lines stay
/// whole for programs.
pub(crate) fn error_width() -> Option<usize> {
    io::stderr()
        .is_terminal()
        .then(|| width(terminal_size::terminal_size_of(io::stderr())))
}

fn width(size: Option<(terminal_size::Width, terminal_size::Height)>) -> usize {
    let width = size.map_or(DEFAULT_WIDTH, |(width, _)| usize::from(width.0));
    width.clamp(MIN_WIDTH, MAX_WIDTH)
}

/// Returns whether standard error shows colors.
pub(crate) fn errors_are_colored() -> bool {
    AutoStream::choice(&io::stderr()) != ColorChoice::Never
}

/// Writes a text to standard output, without colors where they are not wanted. A closed pipe, such
/// as that left by `head`, is not an error.
pub(crate) fn print(text: &str) -> io::Result<()> {
    ignore_closed(write(&mut anstream::stdout(), text))
}

/// Writes a text to standard error in the same way. A failure is ignored: it could not be reported
/// anywhere.
pub(crate) fn print_error(text: &str) {
    let _ = write(&mut anstream::stderr(), text);
}

fn write(stream: &mut impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.write_all(b"\n")?;
    stream.flush()
}

fn ignore_closed(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Returns a text in a style.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// State words at the beginning of an entry of a digest, with their styles. None is the beginning
/// of a later one.
const STATES: [(&str, Style); 10] = [
    ("FAILING", ALARM),
    ("STILL FAILING", ALARM),
    ("ALSO FAILING", ALARM),
    ("NO DATA", WARNING),
    ("NO PACKS", WARNING),
    ("NO LONGER WATCHED", WARNING),
    ("IN PART", WARNING),
    ("CLEARED", GOOD),
    ("DATA BACK", GOOD),
    ("PACKS BACK", GOOD),
];

/// Returns the text of a digest with its state words in color.
pub(crate) fn colored(text: &str) -> String {
    text.lines()
        .map(colored_line)
        .collect::<Vec<_>>()
        .join("\n")
}

fn colored_line(line: &str) -> String {
    // Entries begin after two spaces; what stands below them is indented further.
    let entry = line.strip_prefix("  ").unwrap_or_default();
    let state = STATES.iter().find_map(|(word, style)| {
        let rest = entry.strip_prefix(word)?;
        (rest.is_empty() || rest.starts_with([' ', ','])).then_some((word, style, rest))
    });
    match state {
        Some((word, style, rest)) => format!("  {}{rest}", styled(*style, word)),
        None => line.to_owned(),
    }
}

/// Returns the lines of a text, broken at `width`; those after the first are indented.
pub(crate) fn wrapped(text: &str, width: usize, indent: &str) -> Vec<String> {
    let options = textwrap::Options::new(width)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .subsequent_indent(indent);
    textwrap::wrap(text, options)
        .into_iter()
        .map(Into::into)
        .collect()
}
