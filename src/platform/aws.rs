//! Amazon EC2.
//!
//! User-data is any bytes, at most 16 KB before base64 (EC2 user guide, «Run commands at
//! launch»); a launch configuration takes one byte less than 16,384. The CLI encodes base64
//! itself, and cloud-init before 23.3 decodes none: gzip goes raw.

use super::{Form, Limit};

/// The bytes before the CLI encodes them.
pub(super) const LIMIT: Limit = Limit {
    bytes: 16_383,
    of: "user-data before base64",
};

/// What survives on the way, in the order of preference.
pub(super) const FORMS: &[Form] = &[Form::Plain, Form::Gzip];
