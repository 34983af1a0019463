//! The committed JSON Schema is the one that the types give.

use std::{fs, path::Path};

use nbvet_report::{Report, SCHEMA_VERSION};

#[test]
fn the_committed_schema_is_the_one_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schema/report.v{SCHEMA_VERSION}.json"));
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(Report)).unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        fs::write(&path, &schema).unwrap();
    }
    assert!(
        fs::read_to_string(&path).is_ok_and(|committed| committed == schema),
        "{} is not what the types give; run `UPDATE=1 cargo test -p nbvet-report --test schema` and review the change",
        path.display(),
    );
}
