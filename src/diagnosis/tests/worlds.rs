//! Can a task there reach this? The networks are in worlds.txt, each with the way that must be
//! found, or with what must be named as being in it.

use std::collections::BTreeSet;
use std::fmt::Debug;

use super::sketch::{self, REGION, Sketch};
use crate::diagnosis::reach::{Destination, Reach};

const WORLDS: &str = include_str!("worlds.txt");

/// One world, with what must be found in it.
pub(super) struct World {
    pub(super) name: &'static str,
    pub(super) lines: Vec<&'static str>,
    answers: Vec<(&'static str, &'static str)>,
}

/// Every world of the file, in order; kinds have no answers.
pub(super) fn worlds() -> Vec<World> {
    let mut worlds: Vec<World> = Vec::new();
    for line in WORLDS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(kind) = line.strip_prefix("kind ") {
            let name = kind.split(':').next().unwrap();
            worlds.push(World { name, lines: Vec::new(), answers: Vec::new() });
        } else if let Some(name) = line.strip_prefix("world ") {
            worlds.push(World { name, lines: Vec::new(), answers: Vec::new() });
        } else if let Some(kind) = line.trim().strip_prefix("like ") {
            let like = worlds.iter().find(|world| world.name == kind).unwrap().lines.clone();
            worlds.last_mut().unwrap().lines.extend(like);
        } else if let Some((service, answer)) = line.split_once(" -> ") {
            worlds.last_mut().unwrap().answers.push((service.trim(), answer));
        } else {
            worlds.last_mut().unwrap().lines.push(line.trim());
        }
    }
    worlds
}

/// The world of this name, with more lines.
pub(super) fn like(name: &str, more: &str) -> Sketch {
    let world = worlds().into_iter().find(|world| world.name == name).unwrap();
    Sketch::of(&format!("{}\n{more}", world.lines.join("\n")))
}

/// `NatState { nat: "nat-1", state: "failed" }` as `NatState nat-1 failed`.
fn short(thing: &impl Debug) -> String {
    let text = format!("{thing:?}");
    let name = text.split([' ', '(']).next().unwrap_or_default();
    let ids = text.split('"').skip(1).step_by(2);
    let rule = text.split("rule: Some(").nth(1).and_then(|rest| rest.split(')').next());
    let parts: Vec<&str> = std::iter::once(name).chain(ids).chain(rule).collect();
    parts.join(" ")
}

fn answer(reach: &Reach) -> String {
    if let Some(blocker) = reach.blockers.first() {
        return short(blocker);
    }
    if let Some((blocker, unseen)) = reach.doubts.first() {
        return format!("{} ? {}", short(blocker), short(unseen));
    }
    let unseen: Vec<String> = reach.unseen.iter().map(|(_, unseen)| short(unseen)).collect();
    let Some(path) = &reach.path else { return unseen.join(" ? ") };
    let notes: String = reach.notes.iter().map(|note| format!(" + {}", short(note))).collect();
    let unseen: String = unseen.iter().map(|unseen| format!(" ? {unseen}")).collect();
    format!("{}{notes}{unseen}", short(path))
}

#[test]
fn every_world_has_its_way_or_its_blocker() {
    let (mut wrong, mut held) = (Vec::new(), BTreeSet::new());
    for world in worlds() {
        let sketch = Sketch::of(&world.lines.join("\n"));
        for (service, expected) in &world.answers {
            let found = answer(&sketch.reach(service, 443));
            if found != *expected {
                wrong.push(format!("{}: {service} -> {found}, not {expected}", world.name));
            }
            assert!(held.insert((world.name, *service)), "{} is there twice", world.name);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(held.len() >= 60, "{} worlds were held", held.len());
}

#[test]
fn the_port_counts() {
    let sketch = like("nat", "group sg-task out=443:0.0.0.0/0");
    assert_eq!(answer(&sketch.reach("ecr.api", 443)), "Nat nat-1");
    assert!(answer(&sketch.reach("ecr.api", 5000)).starts_with("EgressClosed"));
}

#[test]
fn every_blocker_says_what_it_is_about_and_what_to_do() {
    let mut seen = BTreeSet::new();
    for world in worlds() {
        let sketch = Sketch::of(&world.lines.join("\n"));
        for (service, _) in &world.answers {
            let to = Destination::new(sketch::service(service), REGION);
            for blocker in sketch.reach(service, 443).blockers {
                let (sentence, remedy) = (blocker.sentence(&to), blocker.remedy(&to));
                let short = short(&blocker);
                let mut words = short.split(' ');
                seen.insert(words.next().unwrap().to_owned());
                let id = words.next().unwrap();
                assert!(sentence.contains(id), "{}: `{id}` is not in: {sentence}", world.name);
                assert!(sentence.len() < 250, "{}: {sentence}", world.name);
                assert!(remedy.len() > 20, "{}: {remedy}", world.name);
            }
        }
    }
    // Every variant of `Blocker`.
    assert_eq!(seen.len(), 23, "{seen:?}");
}
