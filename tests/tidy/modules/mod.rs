//! The arrows between the modules of a crate, which follow the layers in [`tables`].

mod arrows;
mod cfg;
mod check;
mod circles;
mod mentions;
mod source;
mod tables;
mod tests;

use std::fs;

use crate::workspace::{none, root};

use self::{
    arrows::arrows,
    check::{against_the_circle, against_the_table},
    source::Source,
    tables::{COLLECTOR, CORE, CORE_CIRCLE, EXPORT, INSTRUMENT, Layers},
};

fn source_of(layers: &Layers) -> Source {
    let folder = root().join(layers.src);
    Source::read(&|file| fs::read_to_string(folder.join(file)).ok())
        .unwrap_or_else(|error| panic!("{}/{error}", layers.src))
}

#[test]
fn modules_use_only_modules_of_lower_layers() {
    let mut findings = Vec::new();
    for layers in [CORE, EXPORT, INSTRUMENT, COLLECTOR] {
        let source = source_of(&layers);
        findings.extend(against_the_table(
            &layers,
            &source.top_level(),
            &arrows(&source),
        ));
    }
    none("arrows between modules", &findings);
}

#[test]
fn the_files_of_core_that_import_each_other_are_listed() {
    let found = arrows(&source_of(&CORE));
    let findings = against_the_circle(CORE_CIRCLE, &found);
    none("the largest import circle of tracer-core", &findings);
}
