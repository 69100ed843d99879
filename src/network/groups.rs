//! A security group by its name, and what is still to be done before tasks may use it.
//!
//! A group that longshore makes lets HTTPS out and nothing in. EC2 makes groups with everything
//! allowed out, so there is a moment between making and restricting; whoever makes it may go away
//! in that moment. Therefore it is born with a tag that says so, and whoever finds it in that state
//! completes it before use.

use crate::jobs::SecurityGroup;

/// The tag of a group that longshore made: how far its egress is restricted.
pub const EGRESS_TAG: &str = "longshore:egress";
/// The tag's value from the group's birth on.
pub const EGRESS_UNFINISHED: &str = "unfinished";
/// The tag's value once nothing but HTTPS may leave. The rules are the people's from then on.
pub const EGRESS_FINISHED: &str = "https-only";
/// Groups an error names at most.
const SHOWN_MAX: usize = 12;

/// A security group of the job's VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `sg-` and digits.
    pub id: String,
    /// Its name, unique in the VPC.
    pub name: String,
    /// The value of [`EGRESS_TAG`], if longshore made it.
    pub egress: Option<String>,
}

/// What to do about a group by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupStep {
    /// It can be used.
    Use(String),
    /// Whoever made it did not restrict it: do that first.
    Finish(String),
    /// It is to be made.
    Create,
    /// It is not there, and not ours to make.
    Missing,
}

/// The next step for the group `wanted`, of those `found` in its VPC. EC2 reads `*` in a name as a
/// wildcard, so others may be among them.
pub fn group_step(wanted: &SecurityGroup, found: &[Group]) -> GroupStep {
    let named = found.iter().filter(|group| group.name == wanted.name);
    match named.min_by_key(|group| &group.id) {
        Some(Group { id, egress: Some(egress), .. }) if egress != EGRESS_FINISHED => {
            GroupStep::Finish(id.clone())
        }
        Some(group) => GroupStep::Use(group.id.clone()),
        None if wanted.create => GroupStep::Create,
        None => GroupStep::Missing,
    }
}

/// What was asked, and what there is.
pub fn no_such_group(wanted: &SecurityGroup, vpc: &str, there: &[Group]) -> String {
    let mut names: Vec<String> = there.iter().map(|group| format!("`{}`", group.name)).collect();
    names.sort();
    let more = if names.len() > SHOWN_MAX { ", and more" } else { "" };
    names.truncate(SHOWN_MAX);
    let there = match names.join(", ") {
        names if names.is_empty() => "there are none; is it in this account and Region?".to_owned(),
        names => format!("there are: {names}{more}"),
    };
    format!(
        "{vpc} has no security group `{}`, {there}; correct `securityGroup.name`, or set `create: \
         true`",
        wanted.name
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(id: &str, name: &str, egress: Option<&str>) -> Group {
        Group { id: id.to_owned(), name: name.to_owned(), egress: egress.map(str::to_owned) }
    }

    fn wanted(create: bool) -> SecurityGroup {
        SecurityGroup { name: "tasks*".to_owned(), create }
    }

    #[test]
    fn a_group_is_used_only_when_nobody_left_it_open() {
        let own = |id: &str| id.to_owned();
        for (create, found, expected) in [
            (true, vec![], GroupStep::Create),
            (false, vec![], GroupStep::Missing),
            (false, vec![group("sg-1", "tasks-other", None)], GroupStep::Missing),
            (true, vec![group("sg-1", "tasks*", None)], GroupStep::Use(own("sg-1"))),
            (true, vec![group("sg-1", "tasks*", Some("https-only"))], GroupStep::Use(own("sg-1"))),
            (
                true,
                vec![group("sg-1", "tasks*", Some("unfinished"))],
                GroupStep::Finish(own("sg-1")),
            ),
            (false, vec![group("sg-1", "tasks*", Some(""))], GroupStep::Finish(own("sg-1"))),
        ] {
            assert_eq!(group_step(&wanted(create), &found), expected, "{create} {found:?}");
        }
    }

    #[test]
    fn an_error_names_the_groups_there_are_and_not_too_many() {
        let there = [group("sg-2", "web", None), group("sg-1", "default", None)];
        insta::assert_snapshot!(no_such_group(&wanted(false), "vpc-1", &there), @"vpc-1 has no security group `tasks*`, there are: `default`, `web`; correct `securityGroup.name`, or set `create: true`");
        let many: Vec<Group> = (0..50).map(|n| group("sg-1", &format!("g{n:02}"), None)).collect();
        let text = no_such_group(&wanted(false), "vpc-1", &many);
        assert!(text.contains("`g11`, and more"), "{text}");
        assert!(!text.contains("`g12`"), "{text}");
        let none = no_such_group(&wanted(false), "vpc-1", &[]);
        assert!(none.contains("is it in this account"), "{none}");
    }
}
