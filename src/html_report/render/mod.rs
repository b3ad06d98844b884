//! The page, rendered into one buffer.
//!
//! | file | content |
//! | --- | --- |
//! | `document` | the page from head to foot |
//! | `policy` | the content security policy, with the hashes of style and script |
//! | `summary` | the first screen: the state, what has no data, what is new |
//! | `causes`, `failures`, `packs`, `mutes`, `trend` | the sections below it |
//! | `chart` | the trend as a picture |
//! | `rows` | the rows of failing accounts as data for the script |
//! | `elements` | elements that several sections use |

mod causes;
mod chart;
mod document;
mod elements;
mod failures;
mod mutes;
mod packs;
mod policy;
mod rows;
mod summary;
mod trend;
