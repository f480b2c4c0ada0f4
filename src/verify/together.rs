//! What only shows when all controllers are looked at: their lists, their leader, their alarms.

use super::data::Comparison;
use super::judge::{Checked, State};
use super::observation::{Listed, Status};
use super::plan::{Plan, Planned};
use super::rounds;
use super::words::{self, Finding};
use crate::cluster::MemberId;

/// Those that are in the planned cluster.
fn ours(controllers: &[Checked]) -> impl Iterator<Item = &Checked> {
    controllers
        .iter()
        .filter(|one| one.state < State::AnotherCluster)
}

/// What those say of themselves that are in the planned cluster.
pub(super) fn statuses(controllers: &[Checked]) -> impl Iterator<Item = &Status> {
    ours(controllers).filter_map(|one| one.seen.status.as_ref())
}

/// Whether those that are in the planned cluster hold the same.
pub(super) fn data(controllers: &[Checked]) -> Option<Comparison> {
    let asked = controllers.iter().enumerate().filter_map(|(index, one)| {
        let held = one.seen.held.as_ref();
        held.filter(|_| one.state < State::AnotherCluster)
            .map(|held| (index, held.clone()))
    });
    let (places, held): (Vec<_>, Vec<_>) = asked.unzip();
    if held.len() < 2 {
        return None;
    }
    Some(match rounds::compared(&held) {
        Comparison::Same => Comparison::Same,
        Comparison::Undecided(index, why) => Comparison::Undecided(places[index], why),
        Comparison::Differ(groups) => {
            let there = |group: Vec<usize>| group.into_iter().map(|index| places[index]).collect();
            Comparison::Differ(groups.into_iter().map(there).collect())
        }
    })
}

/// What only shows when all are looked at.
pub(super) fn findings(plan: &Plan, controllers: &[Checked]) -> Vec<Finding> {
    let mut found = Vec::new();
    let ids = statuses(controllers).map(|status| status.cluster);
    let grown = ids.into_iter().find(|id| *id != plan.id);
    if let Some(began) = grown.and_then(|id| plan.began_with(id)) {
        found.push(words::grown(plan, &began));
    }
    let lists: Vec<(&str, &[Listed])> = ours(controllers)
        .filter_map(|one| Some((one.planned.name.as_str(), one.seen.members.as_deref()?)))
        .collect();
    found.extend(disagreement(&lists));
    // They were compared: one speaks for all. Where they differ, the one that most agree on.
    let agreeing = |list: &[Listed]| lists.iter().filter(|(_, other)| *other == list).count();
    let list = lists
        .iter()
        .map(|(_, list)| *list)
        .max_by_key(|list| agreeing(list));
    found.extend(
        list.map(|list| against_plan(plan, controllers, list))
            .unwrap_or_default(),
    );
    found.extend(leaders(controllers));
    found.extend(others_alarms(controllers));
    found
}

fn disagreement(lists: &[(&str, &[Listed])]) -> Option<Finding> {
    let mut groups: Vec<(&[Listed], Vec<&str>)> = Vec::new();
    for (who, list) in lists {
        match groups.iter_mut().find(|(known, _)| known == list) {
            Some((_, names)) => names.push(who),
            None => groups.push((list, vec![who])),
        }
    }
    if groups.len() < 2 {
        return None;
    }
    // What all list is left out.
    let in_all = |one: &Listed| groups.iter().all(|(list, _)| list.contains(one));
    let own = |list: &[Listed]| {
        let own: Vec<_> = list
            .iter()
            .filter(|one| !in_all(one))
            .map(shortly)
            .collect();
        if own.is_empty() {
            "nothing else".to_owned()
        } else {
            own.join(", ")
        }
    };
    let said: Vec<_> = groups
        .iter()
        .map(|(list, who)| (who.clone(), own(list)))
        .collect();
    Some(words::lists_differ(&said))
}

fn shortly(listed: &Listed) -> String {
    let kind = if listed.learner { " (learner)" } else { "" };
    let urls = listed.client_urls.join(" ");
    format!("{} `{}` {urls}{kind}", listed.id, listed.name)
}

fn against_plan(plan: &Plan, controllers: &[Checked], list: &[Listed]) -> Vec<Finding> {
    let at_url = |planned: &Planned| {
        let url = planned.peer_url();
        list.iter()
            .find(move |listed| listed.peer_urls.contains(&url))
    };
    let mut found = Vec::new();
    for one in controllers {
        let planned = &one.planned;
        match at_url(planned) {
            None => found.push(words::missing(planned)),
            Some(listed) if listed.name != planned.name.as_str() => {
                found.push(words::misnamed(planned, listed));
            }
            // Who answers has told this already.
            Some(listed) if one.seen.status.is_none() && listed.learner => {
                found.push(words::learner(planned));
            }
            Some(listed) if one.seen.status.is_none() => found.extend(
                planned
                    .id
                    .filter(|first| *first != listed.id)
                    .map(|first| words::replaced(planned, first, listed.id)),
            ),
            Some(_) => {}
        }
    }
    let urls: Vec<_> = plan.controllers.iter().map(Planned::peer_url).collect();
    let unknown = list.iter().filter(|listed| {
        let known = |url: &String| urls.contains(url);
        !listed.peer_urls.iter().any(known)
    });
    found.extend(unknown.map(words::unplanned));
    found
}

fn leaders(controllers: &[Checked]) -> Option<Finding> {
    let said: Vec<_> = ours(controllers)
        .filter_map(|one| {
            let leader = one.seen.status.as_ref()?.leader?;
            Some((one.planned.name.as_str(), leader.to_string()))
        })
        .collect();
    let first = said.first().map(|(_, leader)| leader)?;
    let one = said.iter().all(|(_, leader)| leader == first);
    (!one).then(|| words::leaders_differ(&said))
}

/// Alarms of members that do not answer themselves.
fn others_alarms(controllers: &[Checked]) -> Vec<Finding> {
    let mut told: Vec<MemberId> = statuses(controllers).map(|status| status.member).collect();
    let mut found = Vec::new();
    for raised in ours(controllers)
        .filter_map(|one| one.seen.alarms.as_ref())
        .flatten()
    {
        if !told.contains(&raised.member) {
            told.push(raised.member);
            let mut planned = controllers.iter().map(|one| &one.planned);
            let at = planned.find(|planned| planned.id == Some(raised.member));
            found.push(words::alarm(at, raised));
        }
    }
    found
}
