//! Google Compute Engine.
//!
//! `user-data` is a metadata value: UTF-8 text of at most 262,144 bytes (Compute Engine REST
//! reference, `Metadata`). cloud-init decodes it only where the second key
//! `user-data-encoding` says `base64`; raw gzip would be mangled on the way
//! (cloud-init, `DataSourceGCE.py`).

use super::{Form, Limit};

/// A value of instance metadata, counted as it is sent.
pub(super) const LIMIT: Limit = Limit {
    bytes: 262_144,
    of: "a metadata value",
};

/// What survives on the way, in the order of preference.
pub(super) const FORMS: &[Form] = &[Form::Plain, Form::GzipBase64];
