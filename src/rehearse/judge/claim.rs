//! Whether a machine that calls itself healthy is the planned one.

use crate::rehearse::plan;
use crate::rehearse::power::Status;

/// What of a machine's claim to be healthy contradicts the plan or its own status, if anything.
///
/// A machine that was made again may come back as another member, with an ID of its own.
pub(super) fn contradiction(
    planned: &plan::Machine,
    (name, member_id, cluster_id): (&str, &str, &str),
    status: &Status,
    is_made_again: bool,
) -> Option<String> {
    let its_id = match &planned.member_id {
        Some(id) if !is_made_again => id,
        _ => member_id,
    };
    let expected = [
        ("its name is", planned.name.as_str(), name),
        ("its member ID is", its_id, member_id),
        ("its cluster ID is", &planned.cluster_id, cluster_id),
        ("status.json has the state", "healthy", &status.state),
        ("status.json has the member ID", its_id, &status.member_id),
        (
            "status.json has the cluster ID",
            &planned.cluster_id,
            &status.cluster_id,
        ),
    ];
    let (what, wanted, found) = expected
        .into_iter()
        .find(|(_, wanted, found)| wanted != found)?;
    Some(format!(
        "it says that it is healthy, but {what} `{found}`, not `{wanted}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearse::plan::tests::plan_with;

    #[test]
    fn a_claim_to_be_healthy_must_agree_with_the_plan_and_with_itself() {
        let plan = plan_with(&["10.240.0.10"]);
        let (member, cluster) = ("f98dc20bce6225a0", "3e7cc799faffb625");
        let status = |state: &str, member: &str| Status {
            state: state.into(),
            member_id: member.into(),
            cluster_id: cluster.into(),
        };
        let judge = |name, id, status: Status| {
            contradiction(&plan.machines[0], (name, id, cluster), &status, false)
        };
        assert_eq!(
            judge("controller-0", member, status("healthy", member)),
            None
        );
        assert_eq!(
            judge("controller-0", "1", status("healthy", "1")).unwrap(),
            "it says that it is healthy, but its member ID is `1`, not `f98dc20bce6225a0`"
        );
        assert!(judge("controller-1", member, status("healthy", member)).is_some());
        assert!(judge("controller-0", member, status("waiting", member)).is_some());
        assert!(judge("controller-0", member, Status::default()).is_some());
        let again = |id, status: Status| {
            let said = ("controller-0", id, cluster);
            contradiction(&plan.machines[0], said, &status, true)
        };
        assert_eq!(again("1", status("healthy", "1")), None);
        assert!(again("1", status("healthy", member)).is_some());
    }
}
