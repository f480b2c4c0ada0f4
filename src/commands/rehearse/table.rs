//! A rehearsal as a person reads it: a line per event, a table at the end.

use crate::cluster::Cluster;
use crate::rehearse::{CheckResult, Event, FaultResult, MachineOutcome, Outcome, Verdict};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// One event as a line, or nothing where the table will tell it.
pub(super) fn line(event: &Event) -> String {
    match event {
        Event::Building { what } => format!("building {what} (once; it is cached)\n"),
        Event::BuildingStep { number, of, what } => {
            let done = "#".repeat(*number);
            let left = ".".repeat(of.saturating_sub(*number));
            format!("  [{done}{left}] {number}/{of} {what}\n")
        }
        Event::PowerOn { machines } => format!("power on: {}\n", machines.join(", ")),
        Event::Stage { machine, stage } => format!(
            "{:6.2} s  {machine}  [{}/6] {}: {}\n",
            stage.at, stage.number, stage.step, stage.text
        ),
        Event::Waiting { machine, stage } => format!(
            "{:6.2} s  {machine}  [{}/6] {}: waiting: {}\n",
            stage.at, stage.number, stage.step, stage.text
        ),
        Event::Verdict { machine, verdict } => match verdict {
            Verdict::Healthy { at, .. } => format!("{at:6.2} s  {machine}  healthy\n"),
            Verdict::Failed { at, reason } => format!("{at:6.2} s  {machine}  failed: {reason}\n"),
            Verdict::Silent { at, .. } => format!("{at:6.2} s  {machine}  gave no verdict\n"),
        },
        Event::Quorum { at } => format!("{at:6.2} s  quorum\n"),
        Event::Fault(fault) => fault_line(fault),
        // Consoles and requests are in the logs; the command plans no acts.
        Event::Console { .. } | Event::Request(_) | Event::Act(_) => String::new(),
    }
}

fn fault_line(fault: &FaultResult) -> String {
    let whom = fault.machine.as_deref().unwrap_or("the mirrors");
    match (fault.begun, fault.gone) {
        (_, Some(at)) => format!("{at:6.2} s  {whom}  over: {}\n", fault.fault),
        (Some(at), None) => format!("{at:6.2} s  {whom}  fault: {}\n", fault.done),
        (None, None) => String::new(),
    }
}

const STEPS: [&str; 6] = ["files", "address", "clock", "etcd", "start", "member"];

/// The table, what the checks printed, and why a machine is not healthy; beside it the time of
/// the unbaked machines, if these were baked.
pub(super) fn text(outcome: &Outcome, unbaked: Option<&Outcome>) -> String {
    let names = outcome.machines.iter().map(|machine| machine.name.len());
    let width = names.max().unwrap_or(0).max("machine".len());
    let mut text = format!("\n{:width$}", "machine");
    for step in STEPS {
        let _ = write!(text, " {step:>8}");
    }
    let _ = writeln!(text, "  {:16}  verdict", "member ID");
    for machine in &outcome.machines {
        let _ = writeln!(text, "{:width$}{}", machine.name, row(machine));
    }
    for check in outcome
        .machines
        .iter()
        .flat_map(|machine| &machine.checks)
        .take(1)
    {
        let _ = write!(text, "\n$ {}\n{}", check.command, check.output);
    }
    let is_healthy = |machine: &MachineOutcome| matches!(machine.verdict, Verdict::Healthy { .. });
    // What the healthy lack then only follows from what the others lack.
    let is_cause_known = !outcome.machines.iter().all(is_healthy);
    for machine in &outcome.machines {
        if !is_cause_known {
            text.push_str(&failed_checks(machine));
        }
    }
    text.push_str(&super::faults::text(outcome));
    let beside = unbaked.and_then(|unbaked| unbaked.quorum);
    let beside = beside.map_or_else(String::new, |at| {
        format!(" with a baked image and no release server, {at:.2} s without")
    });
    let _ = match outcome.quorum {
        Some(at) => writeln!(
            text,
            "\nquorum {at:.2} s after power-on{beside}; {}",
            checks(outcome)
        ),
        None => writeln!(text, "\nno quorum"),
    };
    // Last, where the eye ends: why.
    for machine in &outcome.machines {
        text.push_str(&troubles(machine));
    }
    text
}

fn row(machine: &MachineOutcome) -> String {
    let mut row = String::new();
    for step in STEPS {
        let stage = machine.stages.iter().rfind(|stage| stage.step == step);
        let at = stage.map_or_else(|| "-".to_owned(), |stage| format!("{:.2} s", stage.at));
        let _ = write!(row, " {at:>8}");
    }
    let (id, verdict) = match &machine.verdict {
        Verdict::Healthy { member_id, .. } => (member_id.as_str(), "healthy"),
        Verdict::Failed { .. } => ("-", "failed"),
        Verdict::Silent { .. } => ("-", "no verdict"),
    };
    let _ = write!(row, "  {id:16}  {verdict}");
    row
}

fn checks(outcome: &Outcome) -> String {
    let all = || outcome.machines.iter().flat_map(|machine| &machine.checks);
    let passed = all().filter(|check| check.passed()).count();
    format!(
        "{passed} of {} checks inside the machines passed",
        all().count()
    )
}

fn troubles(machine: &MachineOutcome) -> String {
    let last_lines = || {
        let first = machine.console.len().saturating_sub(20);
        machine.console[first..].join("\n  | ")
    };
    let mut text = String::new();
    let name = &machine.name;
    let _ = match &machine.verdict {
        Verdict::Healthy { .. } => Ok(()),
        Verdict::Failed { reason, .. } => {
            writeln!(text, "\n{name} failed: {reason}\n  | {}", last_lines())
        }
        Verdict::Silent { at, waiting } => writeln!(
            text,
            "\n{name} gave no verdict within {at:.0} s{}\n  | {}",
            waiting
                .as_ref()
                .map(|reason| format!("; it waited: {reason}"))
                .unwrap_or_default(),
            last_lines()
        ),
    };
    if let Some(cause) = &machine.cause {
        let _ = writeln!(text, "{name}: {cause}");
    }
    text
}

fn failed_checks(machine: &MachineOutcome) -> String {
    let failed = machine.checks.iter().filter(|check| !check.passed());
    failed
        .map(|check| failed_check(&machine.name, check))
        .collect()
}

fn failed_check(name: &str, check: &CheckResult) -> String {
    let status = check
        .status
        .map_or_else(|| "a signal".to_owned(), |status| status.to_string());
    let mut text = format!(
        "\na check failed on {name} with {status}:\n$ {}\n{}",
        check.command, check.output
    );
    for missing in &check.missing {
        let _ = writeln!(text, "it should have printed: {missing}");
    }
    text
}

/// The outcome for programs. `standIn` says what the machines ran in place of the release,
/// `unbakedQuorumSeconds` how long the same cluster took without a baked image.
pub(super) fn json(
    cluster: &Cluster,
    stand_in: Option<&str>,
    outcome: &Outcome,
    unbaked: Option<&Outcome>,
) -> Value {
    json!({
        "cluster": cluster.name.as_str(),
        "clusterId": cluster.id.to_string(),
        "etcdVersion": cluster.release.version.to_string(),
        "standIn": stand_in,
        "passed": outcome.passed(),
        "quorumSeconds": outcome.quorum,
        "unbakedQuorumSeconds": unbaked.and_then(|unbaked| unbaked.quorum),
        "machines": outcome.machines,
        "requests": outcome.requests,
        "faults": outcome.faults,
        "client": outcome.client,
        "executed": outcome.executed,
    })
}
