//! Certificates: minted, read and audited.
//!
//! Knows nothing of clouds, of the manifest or of the clock: what it needs comes in as values.
//! [`mint`] makes what [`audit`](mod@audit) passes.

pub mod audit;
mod certificate;
mod der;
mod go;
pub mod inspect;
mod key;
pub mod mint;
mod pem;
pub mod predecessor;
mod public;
pub mod rotation;
mod signer;
mod unread;
mod uri;
mod x509;

pub use go::Go;
pub(crate) use pem::Spoilt;
pub(crate) use unread::{Unread, Why, unread};
