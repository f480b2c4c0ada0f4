//! Is the running cluster the one that was planned? Asked over TLS, with nothing but a client
//! certificate, of all controllers at once.
//!
//! [`Plan`] says what is expected, [`ask`] looks, [`judge`] compares: a pure function of both and
//! of the clock. Nobody else sees who speaks TLS and HTTP here.
//!
//! The connection is held by hand (hyper over tokio-rustls, both of which `reqwest` brings): a
//! port that is closed, one that accepts and stays mute, as etcd's does before it has a quorum,
//! and a certificate that is refused have to be told apart, and a client of whole requests says
//! the same of them all.
//!
//! To add a check: a field in [`Observation`] and its question in `conversation`, then a finding
//! in `words` and its condition in `judge`.

mod conversation;
mod credentials;
mod data;
mod gateway;
mod grpc;
mod handshake;
mod judge;
mod observation;
mod plan;
mod proof;
mod refusal;
mod rounds;
mod together;
mod words;

pub use conversation::{Target, ask};
pub use credentials::{Credentials, Material, Unusable};
pub use data::{Comparison, Hash, Sample};
pub use judge::{Checked, OnDisk, State, Verification, judge};
pub use observation::{
    Alarm, By, End, Health, Held, Listed, NotStarted, Observation, Raised, Refusal, Status,
};
pub use plan::{Plan, Planned};
pub use proof::{Door, knock};
pub use words::Finding;
