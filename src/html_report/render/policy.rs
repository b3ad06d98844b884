//! The content security policy of the page: nothing but its own style and script, which are named
//! by their hashes.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// The style of the page.
pub(super) const STYLE: &str = include_str!("../assets/report.css");

/// The script of the page.
pub(super) const SCRIPT: &str = include_str!("../assets/report.js");

/// The policy. An icon without content keeps browsers from asking the server for one, and is all
/// that `img-src` is for.
pub(super) static POLICY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
});

fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}
