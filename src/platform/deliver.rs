//! Packs one machine's document in the first form that fits its cloud.

use super::{Form, Limit, Platform, nocloud};
use crate::machine::Machine;
use crate::output::OutputFile;
use crate::secret::Secret;
use crate::wire::encoding;
use std::fmt;
use std::io;

/// What one machine is given, and how.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The files below the controller's own directory, `user-data` first.
    pub files: Vec<OutputFile>,
    /// How `user-data` is packed.
    pub form: Form,
    /// The size of `user-data` as the cloud counts it, in bytes.
    pub bytes: usize,
}

/// No form fits.
#[derive(Debug)]
pub struct TooLarge {
    limit: Limit,
    smallest: usize,
    form: Form,
    /// Who eats the bytes: paths and sizes, the largest first.
    eaters: Vec<(String, usize)>,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            limit,
            smallest,
            form,
            eaters,
        } = self;
        write!(
            f,
            "{smallest} bytes as {form}, and {} holds {}; largest:",
            limit.of, limit.bytes
        )?;
        for (path, bytes) in eaters.iter().take(4) {
            write!(f, " {path} {bytes},")?;
        }
        write!(f, " in bytes")
    }
}

impl std::error::Error for TooLarge {}

/// Packs the rendered document of a machine for a platform.
pub fn deliver(
    platform: Platform,
    machine: &Machine,
    document: &Secret,
) -> Result<Delivery, TooLarge> {
    let limit = platform.limit();
    let packed = platform
        .forms()
        .iter()
        .map(|form| (*form, pack(document, *form)));
    let mut smallest: Option<(Form, usize)> = None;
    for (form, bytes) in packed {
        let size = bytes.expose().len();
        if size <= limit.bytes {
            return Ok(delivery(platform, machine, form, bytes));
        }
        if smallest.is_none_or(|(_, best)| size < best) {
            smallest = Some((form, size));
        }
    }
    let (form, smallest) = smallest.unwrap_or((Form::Plain, document.expose().len()));
    let mut eaters: Vec<_> = machine
        .files
        .iter()
        .map(|file| (file.path.clone(), file.bytes().len()))
        .collect();
    eaters.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    Err(TooLarge {
        limit,
        smallest,
        form,
        eaters,
    })
}

fn pack(document: &Secret, form: Form) -> Secret {
    let gzip = || -> io::Result<Secret> { encoding::gzip(document) };
    match form {
        Form::Plain => document.clone(),
        Form::Gzip => gzip().expect("writing to memory does not fail"),
        Form::GzipBase64 => {
            let packed = gzip().expect("writing to memory does not fail");
            Secret::new(encoding::base64(packed.expose()).into_bytes())
        }
    }
}

fn delivery(platform: Platform, machine: &Machine, form: Form, bytes: Secret) -> Delivery {
    let file = |name: &str, bytes: Secret| OutputFile {
        path: format!("{}/{name}", machine.name),
        bytes,
        executable: false,
    };
    let size = bytes.expose().len();
    let files = match platform {
        Platform::NoCloud => nocloud::seed_files(machine, bytes),
        Platform::Gce | Platform::Aws => vec![file("user-data", bytes)],
    };
    Delivery {
        files,
        form,
        bytes: size,
    }
}
