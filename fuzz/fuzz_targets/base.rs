//! Any bytes as a base image: its configuration, up to the first NUL, then two layers. Refused in one line, or a probe
//! that reads again as itself.
#![no_main]

use nbvet_image::base::{Probe, Prober};

const BLOCK: usize = 512;

/// With right checksums, which no mutation of bytes would hit.
fn mended(layer: &[u8]) -> Vec<u8> {
    let mut layer = layer.to_vec();
    let mut rest = &mut layer[..];
    while rest.len() >= BLOCK && rest[..BLOCK] != [0; BLOCK] {
        let (head, content) = rest.split_at_mut(BLOCK);
        let mut header = tar::Header::from_byte_slice(head).clone();
        header.set_cksum();
        head.copy_from_slice(header.as_bytes());
        let size = usize::try_from(header.entry_size().unwrap_or(0)).unwrap_or(usize::MAX);
        let end = size
            .checked_next_multiple_of(BLOCK)
            .map_or(content.len(), |size| size.min(content.len()));
        rest = &mut content[end..];
    }
    layer
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (configuration, layers) = bytes.split_at(end);
    let layers = layers.get(1..).unwrap_or_default();
    let (lower, upper) = layers.split_at(layers.len() / BLOCK / 2 * BLOCK);
    let probe = Prober::new(configuration).and_then(|mut prober| {
        for layer in [lower, upper] {
            prober.layer(&mended(layer)[..])?;
        }
        prober.finish("sha256:0")
    });
    match probe {
        Ok(probe) => {
            assert_eq!(Probe::from_json(&probe.to_json()).as_ref(), Some(&probe));
            let said = probe
                .target()
                .map_or_else(|why| why.to_string(), |target| target.to_string());
            assert!(!said.contains(char::is_control), "{said:?}");
            assert!(
                probe.notes.iter().all(|note| !note.contains(char::is_control)),
                "{:?}",
                probe.notes
            );
        }
        Err(fault) => {
            let said = fault.to_string();
            assert!(said.len() < 1000 && !said.contains(char::is_control), "{said:?}");
        }
    }
});
