//! What went wrong in a rehearsal by plan, and how the machines took it, as a person reads it.

use crate::rehearse::{ClientResult, FaultResult, Outcome};
use std::fmt::Write as _;

/// One paragraph: each fault with what the machines said of it, and what the client saw.
pub(super) fn text(outcome: &Outcome) -> String {
    if outcome.faults.is_empty() {
        return String::new();
    }
    let mut text = "\nwhat went wrong, and how it was taken:\n".to_owned();
    for fault in &outcome.faults {
        text.push_str(&told(fault));
    }
    if let Some(client) = &outcome.client {
        text.push_str(&of_client(client));
    }
    let mut ran: Vec<_> = outcome
        .executed
        .iter()
        .map(|ran| (&ran.path, &ran.sha256))
        .collect();
    ran.sort_unstable();
    ran.dedup();
    for (path, sha256) in ran {
        let _ = writeln!(text, "executed beside the image's own: {path} {sha256}");
    }
    text
}

fn told(fault: &FaultResult) -> String {
    let whom = fault.machine.as_deref().unwrap_or("the mirrors");
    let (name, done) = (&fault.fault, &fault.done);
    let Some(begun) = fault.begun else {
        return format!("  {name}: never came: {whom} did not get so far\n");
    };
    let until = match fault.gone {
        Some(gone) => format!("{begun:.2} s to {gone:.2} s"),
        None => format!("{begun:.2} s to the end"),
    };
    let mut text = format!("  {name}: {whom}, {until}: {done}\n");
    for said in &fault.said {
        let stage = &said.stage;
        let _ = writeln!(
            text,
            "    {:6.2} s  {}  {}: {}",
            stage.at, said.machine, stage.step, stage.text
        );
    }
    let _ = match (fault.healthy, fault.gone) {
        (Some(healthy), Some(gone)) => {
            writeln!(
                text,
                "    healthy {:.2} s after it was over",
                healthy - gone
            )
        }
        _ => writeln!(text, "    not healthy again"),
    };
    text
}

fn of_client(client: &ClientResult) -> String {
    let (acknowledged, refused) = (client.acknowledged.len(), client.refused);
    let lost = match (client.lost.len(), &client.trouble) {
        (0, Some(_)) => "how many are lost is not known".to_owned(),
        (lost, _) => format!("{lost} lost"),
    };
    let mut text = format!(
        "  a client wrote from the first quorum on: {acknowledged} writes acknowledged, \
         {refused} not, {lost}; longest pause {:.2} s\n",
        client.longest_gap
    );
    let ids: Vec<_> = client.cluster_ids.iter().map(String::as_str).collect();
    if ids.len() > 1 {
        let _ = writeln!(text, "  more than one cluster answered: {}", ids.join(", "));
    }
    if let Some(trouble) = &client.trouble {
        let _ = writeln!(text, "  the client: {trouble}");
    }
    text
}
