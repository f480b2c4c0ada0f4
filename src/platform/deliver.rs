//! Packs one machine's documents in the first form that fits its cloud.

use super::{Counts, Document, Form, Limit, Platform};
use crate::machine::Machine;
use crate::output::OutputFile;
use crate::secret::Secret;
use crate::wire::encoding;
use flate2::Compression;
use flate2::read::GzEncoder;
use std::cell::OnceCell;
use std::io::{self, Read as _};

/// Whether documents are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Compress {
    /// Only what does not fit as plain text
    #[default]
    Auto,
    /// Wherever the platform takes it
    Always,
    /// Never: what does not fit as plain text is refused
    Never,
}

/// What one machine is given, and how.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The files below the controller's own directory.
    pub files: Vec<OutputFile>,
    /// Its documents: the one that `launch` hands over first.
    pub packed: Vec<Packed>,
}

/// One document, packed.
#[derive(Clone, Copy, Debug)]
pub struct Packed {
    /// What it is.
    pub document: Document,
    /// How it is packed.
    pub form: Form,
    /// Its size as the cloud counts it, in bytes.
    pub bytes: usize,
}

impl Delivery {
    /// The document that `launch` hands over.
    pub fn first(&self) -> Packed {
        *self.packed.first().expect("a delivery has a document")
    }

    /// Whether a file of this name is among the machine's.
    pub(super) fn has(&self, name: &str) -> bool {
        let named = |file: &OutputFile| file.path.ends_with(&format!("/{name}"));
        self.files.iter().any(named)
    }
}

/// No form of a document fits.
#[derive(Clone, Debug)]
pub struct NotDelivered {
    /// Which document.
    pub document: Document,
    /// The smallest form that was tried.
    pub form: Form,
    /// What it counts, in bytes.
    pub bytes: usize,
    /// What it may count.
    pub limit: Limit,
    /// Who eats the bytes: the machine's files and their sizes, the largest first.
    pub eaters: Vec<(String, usize)>,
}

/// Packs the rendered documents of a machine for a platform.
pub fn deliver(
    platform: Platform,
    machine: &Machine,
    documents: &[(Document, Secret)],
    compress: Compress,
) -> Result<Delivery, NotDelivered> {
    let mut delivery = Delivery {
        files: Vec::new(),
        packed: Vec::new(),
    };
    for (document, text) in documents {
        let forms = wanted(platform.forms(*document), compress);
        let (packed, bytes) = smallest_that_fits(platform, *document, text, forms)
            .map_err(|error| error.of(machine))?;
        delivery.packed.push(packed);
        delivery.files.push(file(machine, document.file(), bytes));
    }
    let first = &delivery.files[0].bytes;
    let companions = (platform.0.companions)(machine, delivery.first().document, first);
    let companions = companions.into_iter();
    let companions = companions.map(|(name, bytes)| file(machine, name, bytes));
    delivery.files.extend(companions);
    Ok(delivery)
}

/// How large one document would be in each form, found once for all platforms.
pub struct Sizes<'a> {
    document: Document,
    text: &'a Secret,
    gzip: OnceCell<usize>,
}

impl<'a> Sizes<'a> {
    /// Larger documents are sized by what `gzip -9` makes of them, at most some 8 % more than is
    /// packed: zopfli takes seconds for them, and this is only to show.
    const MOST_FOR_ZOPFLI: usize = 64 << 10;

    /// Of this document.
    pub fn of(document: Document, text: &'a Secret) -> Self {
        Self {
            document,
            text,
            gzip: OnceCell::new(),
        }
    }

    /// The document.
    pub fn document(&self) -> Document {
        self.document
    }

    fn gzip(&self) -> usize {
        *self.gzip.get_or_init(|| {
            if self.text.expose().len() > Self::MOST_FOR_ZOPFLI {
                squeezed(self.text)
            } else {
                pack(self.text, Form::Gzip).expose().len()
            }
        })
    }

    /// How it would be packed for a platform; `Err` is the smallest form where none fits.
    pub fn on(&self, platform: Platform, compress: Compress) -> Result<Packed, Packed> {
        let limit = platform.limit();
        let forms = wanted(platform.forms(self.document), compress).into_iter();
        let packed: Vec<_> = forms
            .map(|form| Packed {
                document: self.document,
                form,
                bytes: limit.counts.of(match form {
                    Form::Plain => self.text.expose().len(),
                    Form::Base64 => Counts::Base64.of(self.text.expose().len()),
                    Form::Gzip => self.gzip(),
                    Form::GzipBase64 => Counts::Base64.of(self.gzip()),
                }),
            })
            .collect();
        let fits = packed.iter().find(|packed| packed.bytes <= limit.bytes);
        let smallest = || packed.iter().min_by_key(|packed| packed.bytes);
        match fits {
            Some(packed) => Ok(*packed),
            None => {
                Err(*smallest().expect("every document has a form on a platform that takes it"))
            }
        }
    }
}

/// The bytes that `gzip -9` makes of a text.
fn squeezed(text: &Secret) -> usize {
    let mut squeezed = Vec::new();
    GzEncoder::new(text.expose(), Compression::best())
        .read_to_end(&mut squeezed)
        .expect("reading from memory does not fail");
    squeezed.len()
}

impl Platform {
    /// Whether there is a compressed form that survives there.
    pub fn takes_compressed(self, document: Document) -> bool {
        self.forms(document).iter().any(|form| form.is_compressed())
    }

    /// How a document would travel on every platform that hands over its kind: the first form
    /// that fits, else the smallest. gzip is what `gzip -9` makes of it; [`deliver`] packs a
    /// little tighter.
    pub fn pack_for_all(document: Document, text: &Secret) -> Vec<(Self, Packed)> {
        // Not `pack`: zopfli needs seconds for some texts, and what counts here is any text.
        let gzip = squeezed(text);
        let length = |form: Form| match form {
            Form::Plain => text.expose().len(),
            Form::Gzip => gzip,
            Form::Base64 => Counts::Base64.of(text.expose().len()),
            Form::GzipBase64 => Counts::Base64.of(gzip),
        };
        let on = |platform: Self| {
            let limit = platform.limit();
            let packed = |form: &Form| Packed {
                document,
                form: *form,
                bytes: limit.counts.of(length(*form)),
            };
            let forms: Vec<_> = platform.forms(document).iter().map(packed).collect();
            let fits = forms.iter().find(|packed| packed.bytes <= limit.bytes);
            let smallest = || forms.iter().min_by_key(|packed| packed.bytes);
            Some((platform, *fits.or_else(smallest)?))
        };
        Self::ALL.into_iter().filter_map(on).collect()
    }
}

/// The forms that the user allows; where no compressed form survives, all of them.
fn wanted(forms: &'static [Form], compress: Compress) -> Vec<Form> {
    let some = |compressed: bool| -> Vec<Form> {
        let forms = forms.iter().copied();
        forms
            .filter(|form| form.is_compressed() == compressed)
            .collect()
    };
    match compress {
        Compress::Auto => forms.to_vec(),
        Compress::Never => some(false),
        Compress::Always if some(true).is_empty() => forms.to_vec(),
        Compress::Always => some(true),
    }
}

fn smallest_that_fits(
    platform: Platform,
    document: Document,
    text: &Secret,
    forms: Vec<Form>,
) -> Result<(Packed, Secret), NotDelivered> {
    let limit = platform.limit();
    let mut smallest = None;
    for form in forms {
        let bytes = pack(text, form);
        let packed = Packed {
            document,
            form,
            bytes: limit.counts.of(bytes.expose().len()),
        };
        if packed.bytes <= limit.bytes {
            return Ok((packed, bytes));
        }
        if smallest.is_none_or(|best: Packed| packed.bytes < best.bytes) {
            smallest = Some(packed);
        }
    }
    let smallest = smallest.expect("every document has a form on a platform that takes it");
    Err(NotDelivered {
        document,
        form: smallest.form,
        bytes: smallest.bytes,
        limit,
        eaters: Vec::new(),
    })
}

impl NotDelivered {
    fn of(mut self, machine: &Machine) -> Self {
        let files = machine.files.iter();
        self.eaters = files
            .map(|file| (file.path.clone(), file.bytes().len()))
            .collect();
        self.eaters
            .sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        self
    }
}

fn pack(document: &Secret, form: Form) -> Secret {
    let gzip = || -> io::Result<Secret> { encoding::gzip(document) };
    let base64 = |bytes: &Secret| Secret::new(encoding::base64(bytes.expose()).into_bytes());
    match form {
        Form::Plain => document.clone(),
        Form::Gzip => gzip().expect("writing to memory does not fail"),
        Form::Base64 => base64(document),
        Form::GzipBase64 => base64(&gzip().expect("writing to memory does not fail")),
    }
}

fn file(machine: &Machine, name: &str, bytes: Secret) -> OutputFile {
    OutputFile {
        path: format!("{}/{name}", machine.name),
        bytes,
        executable: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The work is counted in what is handed to zopfli, whose time grows faster than its input.
    #[test]
    fn sizing_for_every_platform_packs_at_most_once() {
        let text = |length: usize| {
            let line = (0..length).map(|at| b'a' + u8::try_from(at * at % 26).unwrap());
            Secret::new(line.collect())
        };
        for (length, most) in [(30_000, 30_000), (200 << 10, 0)] {
            let document = text(length);
            let before = encoding::work();
            let sizes = Sizes::of(Document::CloudConfig, &document);
            let mut count = 0;
            for platform in Platform::ALL {
                let _ = sizes.on(platform, Compress::Always);
                count += 1;
            }
            assert!(count > 5);
            let work = encoding::work() - before;
            assert!(work <= most, "{work} bytes for {length}");
        }
    }

    #[test]
    fn what_is_shown_is_what_is_packed() {
        let text = Secret::new(b"write_files: []\n".repeat(1500));
        for platform in Platform::ALL {
            let forms = wanted(platform.forms(Document::CloudConfig), Compress::Auto);
            let packed = smallest_that_fits(platform, Document::CloudConfig, &text, forms);
            let shown = Sizes::of(Document::CloudConfig, &text).on(platform, Compress::Auto);
            let bytes = packed
                .map(|(packed, _)| packed.bytes)
                .map_err(|error| error.bytes);
            assert_eq!(shown.map(|it| it.bytes).map_err(|it| it.bytes), bytes);
        }
    }
}
