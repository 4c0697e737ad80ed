//! What a shared library exports and is called.

use std::collections::BTreeSet;
use std::path::Path;

use object::elf::{DT_NULL, DT_SONAME, FileHeader64};
use object::read::elf::{Dyn, ElfFile, FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSection, ObjectSymbol};

/// The names that programs can link.
pub(crate) fn exported(library: &Path) -> BTreeSet<String> {
    let bytes = std::fs::read(library).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let symbols = file.dynamic_symbols();
    symbols
        .filter(|symbol| symbol.is_definition() && symbol.is_global())
        .map(|symbol| symbol.name().unwrap().to_owned())
        .collect()
}

/// The names that other objects see of a static library's.
pub(crate) fn visible(archive: &Path) -> BTreeSet<String> {
    let bytes = std::fs::read(archive).unwrap();
    let archive = object::read::archive::ArchiveFile::parse(&*bytes).unwrap();
    let mut names = BTreeSet::new();
    for member in archive.members() {
        let object = object::File::parse(member.unwrap().data(&*bytes).unwrap()).unwrap();
        let symbols = object.symbols();
        let seen = symbols.filter(|symbol| symbol.is_definition() && symbol.is_global());
        names.extend(seen.map(|symbol| symbol.name().unwrap().to_owned()));
    }
    names
}

/// The name by which the dynamic linker finds it, of which there is one, of a library of
/// 64 bits.
pub(crate) fn soname(library: &Path) -> String {
    let bytes = std::fs::read(library).unwrap();
    let elf = ElfFile::<FileHeader64<Endianness>>::parse(&*bytes).unwrap();
    let endian = elf.endian();
    let headers = elf.elf_header().program_headers(endian, &*bytes).unwrap();
    let dynamic = headers
        .iter()
        .find_map(|header| header.dynamic(endian, &*bytes).unwrap())
        .unwrap();
    let entries = dynamic
        .iter()
        .take_while(|entry| entry.d_tag(endian) != DT_NULL);
    let names: Vec<_> = entries
        .filter(|entry| entry.d_tag(endian) == DT_SONAME)
        .collect();
    let [name] = names[..] else {
        panic!("{} names", names.len());
    };
    let strings = elf.section_by_name(".dynstr").unwrap().data().unwrap();
    let name = &strings[usize::try_from(name.d_val(endian)).unwrap()..];
    let name = name.split(|byte| *byte == 0).next().unwrap();
    String::from_utf8(name.to_vec()).unwrap()
}
