//! One machine as the text that a cloud hands to it, and back again.
//!
//! To add a form: a file here with a `render` and a `decode`, and the check that the two agree.

pub mod cloud_config;
pub mod encoding;
pub mod escape;
mod user_config;

pub use user_config::{Item, Scalar, UserConfig};
