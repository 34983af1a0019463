//! A wheel (the Python packaging authority's binary distribution format 1.0, core metadata 2.4): one program, and the
//! module by which pytest knows it. Depends on nothing but its fields: equal inputs, equal bytes. Does no I/O.

use std::io::{Cursor, Write};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use zip::{CompressionMethod, ZipWriter, result::ZipResult, write::SimpleFileOptions};

/// Static programs run with any C library, so both families of tags hold.
const PLATFORMS: [&str; 2] = ["manylinux_2_17_x86_64", "musllinux_1_1_x86_64"];

/// What goes into the wheel.
pub(crate) struct Wheel {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    pub(crate) summary: String,
    pub(crate) licence: String,
    pub(crate) repository: String,
    pub(crate) readme: Vec<u8>,
    pub(crate) licence_text: Vec<u8>,
    pub(crate) binary: Vec<u8>,
    pub(crate) plugin: Vec<u8>,
}

/// The module that pytest loads where the wheel is installed; it imports nothing that is not there.
pub(crate) const PLUGIN: &str = "pytest_nbvet";

impl Wheel {
    /// The name that installers read tags from.
    pub(crate) fn file_name(&self) -> String {
        format!(
            "{}-{}-py3-none-{}.whl",
            self.name,
            self.version,
            PLATFORMS.join(".")
        )
    }

    /// The bytes.
    pub(crate) fn pack(&self) -> ZipResult<Vec<u8>> {
        let stem = format!("{}-{}", self.name, self.version);
        let script = format!("{stem}.data/scripts/{}", self.name);
        let info = |name: &str| format!("{stem}.dist-info/{name}");
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let mut record = Vec::new();
        let mut add = |name: String, bytes: &[u8], mode: u32| {
            let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(bytes));
            record.push(format!("{name},sha256={digest},{}", bytes.len()));
            append(&mut zip, &name, bytes, mode)
        };
        add(format!("{PLUGIN}.py"), &self.plugin, 0o644)?;
        add(script, &self.binary, 0o755)?;
        add(info("METADATA"), &self.metadata(), 0o644)?;
        add(info("WHEEL"), self.tags().as_bytes(), 0o644)?;
        let entry = format!("[pytest11]\nnbvet = {PLUGIN}\n");
        add(info("entry_points.txt"), entry.as_bytes(), 0o644)?;
        add(info("licenses/LICENSE"), &self.licence_text, 0o644)?;
        let name = info("RECORD");
        record.push(format!("{name},,\n"));
        append(&mut zip, &name, record.join("\n").as_bytes(), 0o644)?;
        Ok(zip.finish()?.into_inner())
    }

    fn tags(&self) -> String {
        let version = &self.version;
        let head =
            format!("Wheel-Version: 1.0\nGenerator: nbvet-xtask ({version})\nRoot-Is-Purelib: false\n");
        PLATFORMS.iter().fold(head, |text, platform| {
            text + &format!("Tag: py3-none-{platform}\n")
        })
    }

    fn metadata(&self) -> Vec<u8> {
        let Self {
            name,
            version,
            summary,
            licence,
            repository,
            readme,
            ..
        } = self;
        let head = format!(
            "Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nSummary: {summary}\n\
             License-Expression: {licence}\nLicense-File: LICENSE\nProject-URL: Repository, {repository}\n\
             Requires-Python: >=3.9\nDescription-Content-Type: text/markdown\n\n"
        );
        [head.as_bytes(), readme].concat()
    }
}

/// The zip crate's default time is the first that the format knows, 1980: no trace of now.
fn append(zip: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, bytes: &[u8], mode: u32) -> ZipResult<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .unix_permissions(mode);
    zip.start_file(name, options)?;
    zip.write_all(bytes)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use expect_test::{Expect, expect};

    use super::*;

    fn wheel() -> Wheel {
        Wheel {
            name: "nbvet",
            version: "1.2.3".to_owned(),
            summary: "Says whether".to_owned(),
            licence: "Apache-2.0".to_owned(),
            repository: "https://example.org/nbvet".to_owned(),
            readme: b"# nbvet\n".to_vec(),
            licence_text: b"licence".to_vec(),
            binary: b"\x7fELF".to_vec(),
            plugin: b"import pytest\n".to_vec(),
        }
    }

    fn check(name: &str, expected: &Expect) {
        let bytes = wheel().pack().expect("memory takes it");
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("it is a zip file");
        let mut text = String::new();
        archive
            .by_name(name)
            .expect("it is there")
            .read_to_string(&mut text)
            .expect("it is text");
        expected.assert_eq(&text);
    }

    #[test]
    fn the_metadata_says_what_cargo_says() {
        check(
            "nbvet-1.2.3.dist-info/METADATA",
            &expect![[r"
                Metadata-Version: 2.4
                Name: nbvet
                Version: 1.2.3
                Summary: Says whether
                License-Expression: Apache-2.0
                License-File: LICENSE
                Project-URL: Repository, https://example.org/nbvet
                Requires-Python: >=3.9
                Description-Content-Type: text/markdown

                # nbvet
            "]],
        );
    }

    #[test]
    fn the_record_lists_every_file_with_its_digest() {
        check(
            "nbvet-1.2.3.dist-info/RECORD",
            &expect![[r"
                pytest_nbvet.py,sha256=Z1qDAsYhkHRs2PwinGGG8R-1MUIYsg0bdCkgMBpJW3U,14
                nbvet-1.2.3.data/scripts/nbvet,sha256=O9u0_oOXzSuEJDCznM_wGoZjx1GUXvXpoJ4mf7ix01k,4
                nbvet-1.2.3.dist-info/METADATA,sha256=lls8rIqpwNJSpc_mm9wdtIQuHNfCCJUE34bhCAQst38,247
                nbvet-1.2.3.dist-info/WHEEL,sha256=FVUZHByNsFAaEl__Z4oL3le3TA_S4t4eVXUaFUYJ5hw,144
                nbvet-1.2.3.dist-info/entry_points.txt,sha256=Hx5K7gCIQIDMIcS1KUVyQhSbEMo9adBfHQGRstPgfoU,32
                nbvet-1.2.3.dist-info/licenses/LICENSE,sha256=gXiscrKNd_y4UfzTAVgxgr0F2WY-0uyBMeYPBXwnlfc,7
                nbvet-1.2.3.dist-info/RECORD,,
            "]],
        );
    }

    #[test]
    fn the_program_may_be_executed_and_equal_inputs_give_equal_bytes() {
        let bytes = wheel().pack().expect("memory takes it");
        assert_eq!(bytes, wheel().pack().expect("memory takes it"));
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("it is a zip file");
        let program = archive
            .by_name("nbvet-1.2.3.data/scripts/nbvet")
            .expect("it is there");
        assert_eq!(program.unix_mode().map(|mode| mode & 0o777), Some(0o755));
    }
}
