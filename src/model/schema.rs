//! JSON schemas of the documents that packwatch reads and writes, from their types.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

/// Returns the schema of what a type becomes in JSON, with a title.
pub fn schema_of<T: JsonSchema>(title: &str) -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    titled(settings.into_generator().into_root_schema_for::<T>(), title)
}

/// Returns the schema of the JSON that a type is read from, with a title.
pub fn schema_of_input<T: JsonSchema>(title: &str) -> Schema {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    titled(settings.into_generator().into_root_schema_for::<T>(), title)
}

fn titled(mut schema: Schema, title: &str) -> Schema {
    schema.insert("title".to_owned(), title.into());
    schema
}
