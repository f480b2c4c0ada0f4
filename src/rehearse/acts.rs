//! What is done to the machines of a healthy cluster, one act after the other.

use super::background::Running;
use super::event::{ActResult, BackgroundResult, CheckResult, Event};
use super::plan::{Act, Plan};
use super::power::Machine;
use std::time::Instant;

/// What is said of an act or a background command for a machine that the plan does not have.
const NO_SUCH_MACHINE: &str = "the plan has no such machine";

/// Starts what runs in the background, does the acts, and ends what runs.
pub(super) fn perform(
    plan: &Plan,
    machines: &[Machine],
    power_on: Instant,
    say: &mut dyn FnMut(Event),
) -> (Vec<ActResult>, Vec<BackgroundResult>) {
    let inside = |machine: usize| machines.get(machine).and_then(Machine::inside);
    let started: Vec<_> = plan
        .background
        .iter()
        .map(|wanted| Running::start(inside(wanted.machine), &wanted.command))
        .collect();
    let name = |machine: usize| {
        let machine = plan.machines.get(machine);
        machine.map_or_else(String::new, |machine| machine.name.clone())
    };
    let mut perform = |act: &Act| {
        let at = power_on.elapsed().as_secs_f64();
        let result = match machines.get(act.machine) {
            Some(machine) => machine.act(act),
            None => failed(&act.command, NO_SUCH_MACHINE),
        };
        let result = ActResult {
            machine: name(act.machine),
            at,
            took: power_on.elapsed().as_secs_f64() - at,
            result,
        };
        say(Event::Act(result.clone()));
        result
    };
    let acts = until_one_fails(&plan.acts, &mut perform);
    let ended = plan.background.iter().zip(started);
    let ended = ended.map(|(wanted, running)| {
        let (output, lasted) = match running {
            Ok(running) => running.end(),
            Err(reason) => (reason, false),
        };
        BackgroundResult {
            machine: name(wanted.machine),
            command: wanted.command.clone(),
            output,
            lasted,
        }
    });
    (acts, ended.collect())
}

fn until_one_fails(acts: &[Act], perform: &mut dyn FnMut(&Act) -> ActResult) -> Vec<ActResult> {
    let mut results: Vec<ActResult> = Vec::new();
    for act in acts {
        results.push(perform(act));
        if !results.iter().all(|act| act.result.passed()) {
            break;
        }
    }
    results
}

fn failed(command: &str, output: &str) -> CheckResult {
    CheckResult {
        command: command.to_owned(),
        output: output.to_owned(),
        status: None,
        missing: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearse::plan::Background;
    use crate::rehearse::plan::tests::plan_with;
    use crate::secret::Secret;
    use std::time::Duration;

    fn act(machine: usize, command: &str) -> Act {
        Act {
            machine,
            command: command.into(),
            stdin: Secret::new(Vec::new()),
            expect: Vec::new(),
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn acts_are_done_in_order_up_to_the_first_that_fails() {
        let acts = [act(0, "a"), act(1, "b"), act(0, "fails"), act(0, "c")];
        let mut perform = |act: &Act| ActResult {
            machine: act.machine.to_string(),
            at: 0.0,
            took: 0.0,
            result: CheckResult {
                status: Some(i32::from(act.command == "fails")),
                ..failed(&act.command, "")
            },
        };
        let done = until_one_fails(&acts, &mut perform);
        let done: Vec<_> = done.iter().map(|act| act.result.command.as_str()).collect();
        assert_eq!(done, ["a", "b", "fails"]);
        assert_eq!(until_one_fails(&acts[..2], &mut perform).len(), 2);
    }

    #[test]
    fn a_machine_that_the_plan_does_not_have_fails_what_is_meant_for_it() {
        let mut plan = plan_with(&[]);
        plan.acts = vec![act(0, "true"), act(0, "true")];
        plan.background = vec![Background {
            machine: 3,
            command: "true".into(),
        }];
        let mut told = Vec::new();
        let (acts, background) = perform(&plan, &[], Instant::now(), &mut |event| told.push(event));
        assert_eq!(acts.len(), 1);
        assert!(!acts[0].result.passed());
        assert_eq!(acts[0].result.output, NO_SUCH_MACHINE);
        assert_eq!(told, [Event::Act(acts[0].clone())]);
        assert!(!background[0].lasted);
    }
}
