//! What goes wrong in a rehearsal, as values: what, to whom, from when, until when.
//!
//! To add a fault: a kind here, its word in `read`, what it does in `trouble`, a row in
//! `docs/rehearse.md`.

mod read;
mod seed;

pub use read::{NotAFault, Wish};

use seed::Dice;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a cause stays where its fault names no time.
const LASTS: Duration = Duration::from_secs(20);

/// How far apart machines are switched on where only their order is named.
const APART: Duration = Duration::from_secs(5);

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The machine is switched on only when this goes.
    Late,
    /// The machine stops at once, with all that it had not synced, and gets power again later.
    PowerCut,
    /// The release's hosts answer 503.
    Mirror503,
    /// They send a tarball in which one byte is another.
    MirrorCorrupt,
    /// They send the tarball's beginning, and then nothing more.
    MirrorStall,
    /// They hang up in the middle of the tarball.
    MirrorTruncate,
    /// The machine knows no host's address.
    NoDns,
    /// What `date` says on the machine is off by so many seconds.
    Clock(i64),
    /// Nothing more fits on the machine's disk.
    DiskFull,
    /// No packet passes between the machine and the others; the release's hosts answer.
    PeerCut,
    /// The machine has another address than the planned one.
    WrongIp,
    /// The machine's data disk is attached only when this goes.
    DiskLate,
    /// The machine loses its power and all its disks, and is made again from the same user-data.
    Replace,
}

/// When a fault begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Begin {
    /// So long after power-on.
    At(Duration),
    /// So long after the machine said that this stage (1 to 6) ended well.
    AfterStage(u8, Duration),
    /// So long after all machines are healthy, and all that was wished for before it is over.
    WhenHealthy(Duration),
}

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// As it was asked for: `power-cut:etcd`.
    pub name: String,
    /// Which wish it is of: what one wish does to several machines comes at one moment.
    pub wish: usize,
    /// What goes wrong.
    pub kind: Kind,
    /// With which machine, counted from 0 in the plan's order; the release's hosts have none.
    pub machine: Option<usize>,
    /// When it begins.
    pub begins: Begin,
    /// How long its cause stays.
    pub lasts: Duration,
}

impl Fault {
    /// What was done, in the words of the summary.
    pub(super) fn told(&self) -> String {
        let what = match self.kind {
            Kind::Late => "not switched on yet",
            Kind::PowerCut => "power cut; what was not synced is lost",
            Kind::Mirror503 => "the mirrors answer 503",
            Kind::MirrorCorrupt => "the mirrors send a tarball with one wrong byte",
            Kind::MirrorStall => "the mirrors stop in the middle of the tarball, and stay silent",
            Kind::MirrorTruncate => "the mirrors hang up in the middle of the tarball",
            Kind::NoDns => "no host name is found",
            Kind::Clock(by) => return format!("`date` is off by {by} s"),
            Kind::DiskFull => "the disk is full",
            Kind::PeerCut => "no packet passes to or from the other machines",
            Kind::WrongIp => "it has another address than the planned one",
            Kind::DiskLate => "its data disk is not attached yet",
            Kind::Replace => "made again, on blank disks, from the same user-data",
        };
        what.to_owned()
    }
}

/// What these wishes mean for a plan of so many machines: the same for the same seed, always.
///
/// The seed chooses machines and moments wherever a wish leaves them open.
///
/// ```
/// use firstboot::rehearse::{Wish, schedule};
/// let wish = Wish::read("power-cut", &["a", "b", "c"]).unwrap();
/// let seven = schedule(&[wish.clone()], 3, 7);
/// assert_eq!(seven, schedule(&[wish.clone()], 3, 7));
/// assert_ne!(seven, schedule(&[wish], 3, 8));
/// ```
pub fn schedule(wishes: &[Wish], machines: usize, seed: u64) -> Vec<Fault> {
    let mut dice = Dice::new(seed);
    let numbered = wishes.iter().enumerate();
    let mut faults: Vec<_> = numbered
        .flat_map(|(number, wish)| scheduled(number, wish, machines, &mut dice))
        .collect();
    faults.extend(switched_on(wishes, machines));
    faults
}

fn scheduled(number: usize, wish: &Wish, machines: usize, dice: &mut Dice) -> Vec<Fault> {
    let Some(kind) = wish.kind else {
        return Vec::new();
    };
    let chosen: Vec<Option<usize>> = match &wish.machines {
        _ if kind.is_of_mirrors() => vec![None],
        Some(named) => named.iter().copied().map(Some).collect(),
        None => vec![Some(dice.below(machines))],
    };
    // What is wished for several machines comes to all of them at one moment.
    let begins = begin(kind, wish, dice);
    let lasts = match kind {
        Kind::PowerCut | Kind::Replace => Duration::from_millis(dice.between(100, 2000)),
        // What is ahead is noticed only where a window has ended, at the end of first boot.
        Kind::Clock(1..) => LASTS * 3,
        _ => wish.time.unwrap_or(LASTS),
    };
    let fault = |kind, machine, lasts| Fault {
        name: wish.name.clone(),
        wish: number,
        kind,
        machine,
        begins,
        lasts,
    };
    let others = (0..machines)
        .map(Some)
        .filter(|machine| !chosen.contains(machine));
    let away: Vec<_> = others
        .filter(|_| wish.others_are_away)
        .map(|other| fault(Kind::PowerCut, other, LASTS))
        .collect();
    let its = chosen.iter().map(|machine| fault(kind, *machine, lasts));
    away.into_iter().chain(its).collect()
}

fn begin(kind: Kind, wish: &Wish, dice: &mut Dice) -> Begin {
    let soon = |dice: &mut Dice| Duration::from_millis(dice.between(0, 800));
    match (kind, wish.stage, wish.time) {
        // Full from the start, it could not even take what cloud-init writes.
        (Kind::DiskFull, ..) => Begin::AfterStage(3, Duration::ZERO),
        (Kind::Replace, _, time) => Begin::WhenHealthy(time.unwrap_or_else(|| soon(dice))),
        (Kind::PowerCut, None, Some(time)) => Begin::At(time),
        // A stage begins where the one before it ends.
        (Kind::PowerCut, Some(stage @ 2..), _) => Begin::AfterStage(stage - 1, soon(dice)),
        (Kind::PowerCut, Some(_), _) => early(dice),
        (Kind::PowerCut, None, None) => match dice.below(7) {
            0 | 1 => early(dice),
            stage => Begin::AfterStage(u8::try_from(stage - 1).unwrap_or(6), soon(dice)),
        },
        _ => Begin::At(Duration::ZERO),
    }
}

/// Before the first stage ends: systemd, cloud-init, the files.
fn early(dice: &mut Dice) -> Begin {
    Begin::At(Duration::from_millis(dice.between(200, 4000)))
}

/// Who is switched on when, as `boot-order` and `stagger` together say.
fn switched_on(wishes: &[Wish], machines: usize) -> Vec<Fault> {
    let order = wishes.iter().find_map(|wish| wish.order.clone());
    let apart = wishes.iter().find_map(|wish| wish.apart);
    let named = wishes
        .iter()
        .find(|wish| wish.order.is_some() || wish.apart.is_some());
    let Some(named) = named else {
        return Vec::new();
    };
    let order = order.unwrap_or_else(|| (0..machines).collect());
    let late = |(place, machine): (u32, usize)| Fault {
        name: named.name.clone(),
        wish: wishes.len(),
        kind: Kind::Late,
        machine: Some(machine),
        begins: Begin::At(Duration::ZERO),
        lasts: apart.unwrap_or(APART) * place,
    };
    (0..).zip(order).skip(1).map(late).collect()
}

impl Kind {
    fn is_of_mirrors(self) -> bool {
        matches!(
            self,
            Self::Mirror503 | Self::MirrorCorrupt | Self::MirrorStall | Self::MirrorTruncate
        )
    }

    /// Whether the machine is stopped by it, and boots when it goes.
    pub(super) fn stops_machine(self) -> bool {
        matches!(self, Self::PowerCut | Self::Replace)
    }

    /// Whether the machines need a disk of their own, which can lose what was not synced.
    pub(super) fn needs_disk(self) -> bool {
        matches!(self, Self::PowerCut | Self::DiskFull | Self::Replace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["controller-0", "controller-1", "controller-2"];

    fn plan(wishes: &[&str], seed: u64) -> Vec<Fault> {
        let wishes: Vec<_> = wishes
            .iter()
            .map(|text| Wish::read(text, &NAMES).unwrap())
            .collect();
        schedule(&wishes, NAMES.len(), seed)
    }

    #[test]
    fn the_seed_leaves_what_is_named_alone_and_reaches_all_that_is_open() {
        let named = plan(&["peer-cut:9s@controller-2"], 1);
        assert_eq!(named, plan(&["peer-cut:9s@controller-2"], 2));
        assert_eq!(named[0].machine, Some(2));
        assert_eq!(named[0].lasts, Duration::from_secs(9));
        let cuts: Vec<_> = (0..200)
            .flat_map(|seed| plan(&["power-cut"], seed))
            .collect();
        for machine in 0..3 {
            assert!(cuts.iter().any(|cut| cut.machine == Some(machine)));
        }
        for stage in 1..=5 {
            let after = |cut: &Fault| matches!(cut.begins, Begin::AfterStage(n, _) if n == stage);
            assert!(cuts.iter().any(after), "{stage}");
        }
        assert!(cuts.iter().any(|cut| matches!(cut.begins, Begin::At(_))));
    }

    #[test]
    fn all_are_cut_at_one_moment_and_a_stage_begins_where_the_one_before_ends() {
        let cuts = plan(&["power-cut:etcd@all"], 3);
        let machines: Vec<_> = cuts.iter().filter_map(|cut| cut.machine).collect();
        assert_eq!(machines, [0, 1, 2]);
        assert!(cuts.iter().all(|cut| cut.begins == cuts[0].begins));
        assert!(matches!(cuts[0].begins, Begin::AfterStage(3, _)));
    }

    #[test]
    fn a_machine_is_made_again_when_all_are_well_and_others_may_be_away() {
        let one = plan(&["replace:controller-1"], 4);
        assert_eq!((one[0].kind, one[0].machine), (Kind::Replace, Some(1)));
        assert!(matches!(one[0].begins, Begin::WhenHealthy(_)));
        let later = plan(&["replace-while-others-down:90s@controller-1"], 4);
        let begins = Begin::WhenHealthy(Duration::from_secs(90));
        assert!(
            later
                .iter()
                .all(|fault| fault.begins == begins && fault.wish == 0)
        );
        let told: Vec<_> = later.iter().map(|f| (f.kind, f.machine)).collect();
        let cut = Kind::PowerCut;
        let wanted = [(cut, Some(0)), (cut, Some(2)), (Kind::Replace, Some(1))];
        assert_eq!(told, wanted);
    }

    #[test]
    fn order_and_stagger_go_together() {
        let late = plan(&["boot-order:2,0,1", "stagger:30s"], 0);
        let told: Vec<_> = late
            .iter()
            .map(|late| (late.machine, late.lasts.as_secs()))
            .collect();
        assert_eq!(told, [(Some(0), 30), (Some(1), 60)]);
        assert_eq!(plan(&["boot-order:2,0,1"], 0)[0].lasts, APART);
    }
}
