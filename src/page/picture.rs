//! The cluster as a picture: where each member stands, and who talks to whom.
//!
//! Whole numbers alone, so that every computer draws the same one.

use crate::cluster::{Cluster, Member};

/// How high the card of a member is.
const CARD: i32 = 78;
/// Between the border of the picture and the ring on which clients are.
const BORDER: i32 = 20;
/// A longer address is written smaller.
const LONG: usize = 24;
/// A longer name is shown with its middle left out.
const LONGEST: usize = 26;

/// A picture, in units that are pixels where there is room for it.
pub(super) struct Picture {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) nodes: Vec<Node>,
    /// Between peers.
    pub(super) mesh: Vec<Curve>,
    /// Between clients and members.
    pub(super) spokes: Vec<Line>,
}

/// The card of a member: its upper left corner and its size.
pub(super) struct Node {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) name: String,
    pub(super) full_name: String,
    pub(super) address: String,
    pub(super) id: String,
}

pub(super) struct Line {
    pub(super) x1: i32,
    pub(super) y1: i32,
    pub(super) x2: i32,
    pub(super) y2: i32,
}

/// From one end to the other, pulled to the left by so much.
pub(super) struct Curve {
    pub(super) line: Line,
    pub(super) pull: i32,
}

impl Picture {
    /// The centre, from which everything is measured.
    pub(super) fn middle(&self) -> i32 {
        self.width / 2
    }

    /// Likewise.
    pub(super) fn centre(&self) -> i32 {
        self.height / 2
    }

    /// The half axes of the ring on which clients are.
    pub(super) fn ring(&self) -> (i32, i32) {
        (self.middle() - BORDER, self.centre() - BORDER)
    }
}

impl Node {
    fn of(member: &Member, (x, y): (i32, i32), width: i32) -> Self {
        Self {
            x: x - width / 2,
            y: y - CARD / 2,
            width,
            height: CARD,
            name: shortened(member.name.as_str()),
            full_name: member.name.to_string(),
            address: member.address.to_string(),
            id: match member.id {
                Some(id) => id.to_string(),
                None => "joins".to_owned(),
            },
        }
    }

    pub(super) fn middle(&self) -> i32 {
        self.x + self.width / 2
    }

    pub(super) fn is_long(&self) -> bool {
        self.address.len() > LONG
    }

    fn centre(&self) -> i32 {
        self.y + self.height / 2
    }
}

impl Curve {
    pub(super) fn between(&self) -> (i32, i32) {
        (self.line.x1 - self.pull, self.line.x2 - self.pull)
    }
}

/// The members in a circle, every one tied to every other; clients around all of them.
pub(super) fn circle(cluster: &Cluster) -> Picture {
    let members = &cluster.members;
    let count = units(members.len());
    let width = card_width(cluster);
    let crowd = count.max(7);
    let (wide, high) = match count {
        1 => (0, 0),
        2 => (width * 9 / 10, 0),
        _ => ((width + 44).max(270) * crowd / 8, 165 * crowd / 7),
    };
    let ring = (wide + width / 2 + 60, high + CARD / 2 + 62);
    let centre = (ring.0 + BORDER, ring.1 + BORDER);
    let at = |index: usize, (wide, high): (i32, i32)| {
        let (sine, cosine) = turn(angle(units(index), count));
        (
            centre.0 + wide * cosine / 1000,
            centre.1 + high * sine / 1000,
        )
    };
    let nodes: Vec<_> = members
        .iter()
        .enumerate()
        .map(|(index, member)| Node::of(member, at(index, (wide, high)), width))
        .collect();
    let spokes = nodes.iter().enumerate().map(|(index, node)| {
        let (x2, y2) = at(index, ring);
        Line {
            x1: node.middle(),
            y1: node.centre(),
            x2,
            y2,
        }
    });
    Picture {
        width: 2 * centre.0,
        height: 2 * centre.1,
        spokes: spokes.collect(),
        mesh: mesh(&nodes, |_, _| 0),
        nodes,
    }
}

/// The members one below the other, for a narrow screen: peers tied on the left, clients on the
/// right.
pub(super) fn column(cluster: &Cluster) -> Picture {
    const LEFT: i32 = 60;
    const RIGHT: i32 = 30;
    const STEP: i32 = CARD + 22;
    let width = card_width(cluster).clamp(220, 310);
    let count = units(cluster.members.len());
    let middle = LEFT + width / 2;
    let nodes: Vec<_> = (0..)
        .zip(&cluster.members)
        .map(|(row, member)| Node::of(member, (middle, CARD / 2 + 8 + row * STEP), width))
        .collect();
    let spokes = nodes.iter().map(|node| Line {
        x1: node.x + width,
        y1: node.centre(),
        x2: LEFT + width + RIGHT - 8,
        y2: node.centre(),
    });
    let furthest = (count - 1).max(1);
    let pull = |one: usize, other: usize| (LEFT + 14) * units(other - one) / furthest;
    let mut mesh = mesh(&nodes, pull);
    for Curve { line, .. } in &mut mesh {
        (line.x1, line.x2) = (LEFT, LEFT);
    }
    Picture {
        width: LEFT + width + RIGHT,
        height: count * STEP + 4,
        spokes: spokes.collect(),
        mesh,
        nodes,
    }
}

fn mesh(nodes: &[Node], pull: impl Fn(usize, usize) -> i32) -> Vec<Curve> {
    let mut mesh = Vec::new();
    for (other, to) in nodes.iter().enumerate() {
        for (one, from) in nodes[..other].iter().enumerate() {
            mesh.push(Curve {
                line: Line {
                    x1: from.middle(),
                    y1: from.centre(),
                    x2: to.middle(),
                    y2: to.centre(),
                },
                pull: pull(one, other),
            });
        }
    }
    mesh
}

/// Wide enough for the longest name and the longest address in the fonts that systems have.
fn card_width(cluster: &Cluster) -> i32 {
    let widest = cluster.members.iter().map(|member| {
        let name = shortened(member.name.as_str()).chars().count();
        let address = match units(member.address.to_string().len()) {
            long if long > units(LONG) => long * 7,
            short => short * 9,
        };
        (units(name) * 10).max(address)
    });
    widest.max().unwrap_or(0).max(150) + 44
}

/// `controller-of-the-se…-east-0`: its end tells it from its neighbours.
fn shortened(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    // A host name is ASCII.
    let (head, tail) = (&name[..LONGEST - 10], &name[name.len() - 9..]);
    format!("{head}…{tail}")
}

fn units(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Where a member stands, in tenths of a degree, clockwise from the right: the first on top, and
/// nobody at the very bottom, where the ring has its label.
fn angle(index: i32, count: i32) -> i32 {
    let first = match count {
        2 => 1800,
        even if even % 2 == 0 => 2700 + 1800 / even,
        _ => 2700,
    };
    (first + index * 3600 / count) % 3600
}

/// Sine and cosine in thousandths, by Bhaskara's formula, which is right to two of them: the
/// system's own may differ between computers.
fn turn(angle: i32) -> (i32, i32) {
    let half = |angle: i32| {
        let product = i64::from(angle) * i64::from(1800 - angle);
        let sine = 4000 * product / (4_050_000 - product);
        i32::try_from(sine).expect("a sine is at most 1000 thousandths")
    };
    let sine = |angle: i32| match angle % 3600 {
        upper @ 0..1800 => half(upper),
        lower => -half(lower - 1800),
    };
    (sine(angle), sine(angle + 900))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formula_is_a_sine() {
        for angle in 0..3600 {
            let (sine, cosine) = turn(angle);
            let right = f64::from(angle) / 10.0;
            let (exact_sine, exact_cosine) = right.to_radians().sin_cos();
            assert!(
                (f64::from(sine) / 1000.0 - exact_sine).abs() < 0.003,
                "{angle}"
            );
            assert!(
                (f64::from(cosine) / 1000.0 - exact_cosine).abs() < 0.003,
                "{angle}"
            );
        }
    }

    #[test]
    fn long_names_keep_their_ends() {
        let name = format!("controller-{}-17", "x".repeat(49));
        let short = shortened(&name);
        assert!(
            short.chars().count() <= LONGEST && short.ends_with("-17"),
            "{short}"
        );
        assert_eq!(shortened("controller-0"), "controller-0");
    }

    #[test]
    fn nobody_stands_where_the_label_is() {
        for count in 1..20 {
            for index in 0..count {
                assert_ne!(angle(index, count), 900, "{index} of {count}");
            }
        }
    }
}
