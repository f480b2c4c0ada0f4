//! etcd's settings: the table of what each version knows, and what one cluster sets of it.
//!
//! To add a setting, or one of a new minor version, write its row in `data/etcd-settings.tsv`.

mod address;
mod ciphers;
mod kind;
mod table;
mod unit;
mod words;

use crate::release::Version;

pub(crate) use address::{address_of_host, parts_of_url};
pub(crate) use ciphers::{FOR_HTTP2, is_weak, suits_key};
pub use kind::{Bounds, Choice, Kind, SettingValue, Unfit};
pub use table::{Row, Spelling, Whose, find, find_by_older_name, rows};

/// The one variable that all feature gates share.
const GATES: &str = "ETCD_FEATURE_GATES";

/// What is set on every member besides what follows from its place in the cluster: environment
/// variables that this version of etcd knows, in the table's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(Vec<(String, String)>);

impl Settings {
    /// The settings of a cluster of this version: what `chosen` says of each row, and firstboot's
    /// default where it says nothing.
    ///
    /// ```
    /// use firstboot::cluster::settings::Settings;
    /// let settings = Settings::of("3.6.14".parse().unwrap(), |_| None);
    /// let gates = settings.iter().find(|(variable, _)| *variable == "ETCD_FEATURE_GATES");
    /// assert_eq!(gates.unwrap().1, "InitialCorruptCheck=true,CompactHashCheck=true");
    /// ```
    pub fn of<'a>(version: Version, chosen: impl Fn(&Row) -> Option<&'a Choice>) -> Self {
        let mut pairs = Vec::new();
        let mut gates: Vec<String> = Vec::new();
        for row in rows() {
            let Some(spelling) = row.spelling(version) else {
                continue;
            };
            let value = match chosen(&row) {
                Some(choice) => choice.value().map(|value| value.text.clone()),
                None => row.ours(version).map(str::to_owned),
            };
            match (spelling, value) {
                (Spelling::Gate(gate), Some(value)) => gates.push(format!("{gate}={value}")),
                (_, Some(value)) => pairs.push((spelling.variable(), value)),
                (_, None) => {}
            }
        }
        if !gates.is_empty() {
            pairs.push((GATES.to_owned(), gates.join(",")));
        }
        Self(pairs)
    }

    /// Each variable and its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0.iter();
        pairs.map(|(variable, value)| (variable.as_str(), value.as_str()))
    }
}
