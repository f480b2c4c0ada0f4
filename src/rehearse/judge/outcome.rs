//! Gathers what became of all, at the end.

use super::{Judge, Record};
use crate::rehearse::event::{Complaint, FaultResult, MachineOutcome, Outcome, Verdict};
use crate::rehearse::plan::Suite;
use std::path::Path;

impl Judge<'_> {
    /// Ends the silence of those that said nothing, runs the checks, and gathers all.
    pub(in crate::rehearse) fn close(mut self) -> Outcome {
        let at = self.power_on.elapsed().as_secs_f64();
        for machine in 0..self.records.len() {
            let waiting = self.records[machine].waiting.clone();
            self.decide(machine, Verdict::Silent { at, waiting });
        }
        let faults = self.troubles.results();
        let faults = faults
            .into_iter()
            .map(|fault| self.follow_up(fault))
            .collect();
        let records = std::mem::take(&mut self.records);
        let outcomes = records.into_iter().enumerate();
        Outcome {
            machines: outcomes
                .map(|(index, record)| self.examine(index, record))
                .collect(),
            quorum: self.quorum,
            requests: self.requests,
            acts: self.acts,
            background: self.background,
            faults,
            client: self.client,
            executed: Vec::new(),
        }
    }

    /// What the machines said of a fault while it lasted, and when they had got over it.
    fn follow_up(&self, mut fault: FaultResult) -> FaultResult {
        let Some(begun) = fault.begun else {
            return fault;
        };
        let names = self.plan.machines.iter().map(|machine| &machine.name);
        let concerned = names.zip(&self.records).filter(|(name, _)| {
            fault
                .machine
                .as_ref()
                .is_none_or(|machine| machine == *name)
        });
        let gone = fault.gone.unwrap_or(f64::INFINITY);
        let mut latest = fault.gone;
        for (name, record) in concerned {
            let complaints = record.complaints.iter();
            for stage in complaints.filter(|said| (begun..gone).contains(&said.at)) {
                let is_new =
                    |said: &Complaint| without_time(&said.stage.text) != without_time(&stage.text);
                if fault.said.iter().all(is_new) {
                    fault.said.push(Complaint {
                        machine: name.clone(),
                        stage: stage.clone(),
                    });
                }
            }
            let ended = matches!(record.verdict, Some(Verdict::Healthy { .. }));
            // Of one that was healthy throughout, the cause's end is all there is to tell.
            let again = record.healthy.iter().copied().find(|at| *at > gone);
            latest = latest
                .filter(|_| ended)
                .map(|at| at.max(again.unwrap_or(at)));
        }
        fault.healthy = latest;
        fault
    }

    fn examine(&self, index: usize, record: Record) -> MachineOutcome {
        let machine = &self.machines[index];
        let verdict = record.verdict.unwrap_or(Verdict::Silent {
            at: 0.0,
            waiting: None,
        });
        let checks = match verdict {
            Verdict::Healthy { .. } => self.plan.machines[index]
                .checks
                .iter()
                .map(|check| machine.run(check))
                .collect(),
            _ => Vec::new(),
        };
        MachineOutcome {
            name: self.plan.machines[index].name.clone(),
            stages: record.stages,
            cause: match verdict {
                Verdict::Silent { waiting: None, .. } if self.plan.suite != Suite::Trixie => {
                    cause(&machine.root().path())
                }
                _ => None,
            },
            verdict,
            checks,
            console: record.console,
            journal: if self.plan.journal {
                machine.journal()
            } else {
                None
            },
        }
    }
}

/// What keeps cloud-init from ever coming to user-data, if it is what is known.
fn cause(root: &Path) -> Option<String> {
    let file = "/var/lib/cloud/data/set-hostname";
    let data = std::fs::metadata(root.join(&file[1..])).ok()?;
    (data.len() == 0).then(|| {
        format!(
            "a power cut left cloud-init's own `{file}` empty, and cloud-init before 23.1 ends at \
             that on every boot (canonical/cloud-init#1967): remove the file, make the machine \
             anew, or take an image that `firstboot bake` made"
        )
    })
}

/// What a machine waits for, without how long it has waited: `for the disk (30 s)`.
fn without_time(said: &str) -> &str {
    let its = said
        .strip_suffix(" s)")
        .and_then(|said| said.rsplit_once(" ("));
    its.filter(|(_, count)| count.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(said, |(said, _)| said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cloud_init_s_own_empty_file_is_a_cause_and_a_whole_one_is_none() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(cause(root.path()), None);
        let data = root.path().join("var/lib/cloud/data");
        std::fs::create_dir_all(&data).unwrap();
        std::fs::write(data.join("set-hostname"), "{}").unwrap();
        assert_eq!(cause(root.path()), None);
        std::fs::write(data.join("set-hostname"), "").unwrap();
        assert!(cause(root.path()).unwrap().contains("cloud-init#1967"));
    }

    #[test]
    fn how_long_a_machine_has_waited_is_no_other_complaint() {
        assert_eq!(without_time("for 10.0.0.1 (30 s)"), "for 10.0.0.1");
        for other in ["for 10.0.0.1", "the disk (sdb s)", "(1 s) later"] {
            assert_eq!(without_time(other), other);
        }
    }
}
