//! Packs one machine's documents in the first form that fits its cloud.

use super::{Counts, Document, Form, Limit, Platform};
use crate::machine::Machine;
use crate::output::OutputFile;
use crate::secret::Secret;
use crate::wire::encoding;
use flate2::Compression;
use flate2::read::GzEncoder;
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

/// How a document would be packed for a platform, without packing it for a machine; `Err` is the
/// smallest form that was tried where none fits.
pub fn pack_for(
    platform: Platform,
    document: Document,
    text: &Secret,
    compress: Compress,
) -> Result<Packed, Packed> {
    let forms = wanted(platform.forms(document), compress);
    let packed = smallest_that_fits(platform, document, text, forms);
    packed.map(|(packed, _)| packed).map_err(|error| Packed {
        document,
        form: error.form,
        bytes: error.bytes,
    })
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
        let mut squeezed = Vec::new();
        GzEncoder::new(text.expose(), Compression::best())
            .read_to_end(&mut squeezed)
            .expect("reading from memory does not fail");
        let gzip = squeezed.len();
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
