//! What stands in a certificate, untouched, for the one that takes its place.

use crate::pki::certificate::{Extension, oid};
use crate::pki::der::{BOOLEAN, Der, OCTET_STRING, SEQUENCE, constructed};

/// What stands in a certificate, untouched.
#[derive(Clone, Debug)]
pub(in crate::pki) struct Parts {
    /// In their order.
    pub extensions: Vec<Extension>,
}

impl Parts {
    /// Reads one DER certificate; `None` when it is none.
    pub(in crate::pki) fn read(der: &[u8]) -> Option<Self> {
        let mut tbs = Der::new(der).inside(SEQUENCE)?.inside(SEQUENCE)?;
        let mut extensions = Vec::new();
        while !tbs.is_empty() {
            let element = tbs.any()?;
            if element.tag != constructed(3) {
                continue;
            }
            let mut list = Der::new(element.body).inside(SEQUENCE)?;
            while !list.is_empty() {
                let mut one = list.inside(SEQUENCE)?;
                let oid = one.oid()?;
                let critical = one.peek(BOOLEAN) && one.boolean()?;
                let value = one.read(OCTET_STRING)?.to_vec();
                extensions.push(Extension::new(&oid, critical, value));
            }
        }
        Some(Self { extensions })
    }

    /// How it calls its own key, in bytes.
    pub(in crate::pki) fn key_identifier(&self) -> Option<Vec<u8>> {
        let mut extensions = self.extensions.iter();
        let found = extensions.find(|one| one.oid == oid::SUBJECT_KEY)?;
        Der::new(&found.value)
            .read(OCTET_STRING)
            .map(<[u8]>::to_vec)
    }
}
