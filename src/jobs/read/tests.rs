//! Documents with mistakes, and all that is told about them.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::jobs::problem::{line_column, render};

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    version: u8,
    #[serde(default)]
    jobs: BTreeMap<Name, Job>,
    #[serde(default)]
    extra: Extra,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct Name(String);

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.contains('_') { Err(format!("{text} has an underscore")) } else { Ok(Self(text)) }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Job {
    image: String,
    cpu: u16,
    #[serde(default)]
    env: BTreeMap<String, String>,
    retry: Option<Retry>,
    #[serde(default)]
    triggers: Vec<Trigger>,
    #[serde(default)]
    privileged: bool,
    log_group: Option<Name>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Retry {
    attempts: u8,
    #[serde(default)]
    on: Vec<Cause>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Cause {
    Interruption,
    ExitCode(Vec<i32>),
    Slow(Slow),
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Slow {
    after: u32,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Trigger {
    s3: Bucket,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Bucket {
    bucket: Name,
    prefix: String,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Extra {
    ratio: f64,
    small: i8,
    large: u64,
    ports: BTreeMap<u16, String>,
}

const TEN_MISTAKES: &str = "\
version: 1
jobs:
  a:
    image:
    cpus: 256
    env: {DEBUG: yes, LEVEL: ~}
    retry:
      attempts: '3'
      on: [interuption, exitCode: [75, x]]
  bad_name:
    image: b
    cpu: 0x10
  c:
    image: c
    cpu: 1
    triggers:
      - s3: {}
";

/// `line:column problem` of everything that is wrong with a source.
fn list_problems(source: &str) -> Vec<String> {
    let problems = read::<File>(source).problems;
    problems
        .iter()
        .map(|problem| match &problem.span {
            Some(span) => {
                let (line, column) = line_column(source, span.start);
                format!("{line}:{column} {problem}")
            }
            None => problem.to_string(),
        })
        .collect()
}

#[track_caller]
fn check(source: &str, expected: &[&str]) {
    assert_eq!(list_problems(source), expected, "{source}");
}

#[track_caller]
fn check_extra(line: &str, expected: &str) {
    let source = format!("version: 1\nextra:\n  {line}\n");
    let (column, rest) = expected.split_once(' ').unwrap();
    check(&source, &[&format!("3:{column} extra.{rest}")]);
}

/// A document with one job that lacks nothing, with `line` added to it.
fn job(line: &str) -> String {
    format!("version: 1\njobs:\n  a: # é\n    image: b\n    {line}\n    cpu: 1\n")
}

#[track_caller]
fn check_job(line: &str, expected: &[&str]) {
    check(&job(line), expected);
}

#[track_caller]
fn read_well(source: &str) -> File {
    check(source, &[]);
    read(source).value.unwrap()
}

#[test]
fn ten_mistakes_in_a_document_are_ten_problems() {
    check(
        TEN_MISTAKES,
        &[
            "4:5 jobs.a.image: has no value: write '' for an empty string",
            "5:5 jobs.a: unknown key `cpus`: did you mean `cpu`?",
            "6:30 jobs.a.env.LEVEL: has no value: write '' for an empty string",
            "8:17 jobs.a.retry.attempts: is a string: write 3 without quotes",
            "9:12 jobs.a.retry.on[0]: is interuption, must be one of `interruption`, \
             `exitCode` or `slow`: did you mean `interruption`?",
            "9:40 jobs.a.retry.on[1].exitCode[1]: is x, must be a whole number: \
             write a whole number",
            "10:3 jobs.bad_name: bad_name has an underscore: write what docs/reference.md has for this key",
            "12:10 jobs.bad_name.cpu: is 0x10, must be a whole number from 0 to 65535: \
             write it in decimal digits",
            "17:9 jobs.c.triggers[0].s3: has no `bucket`: add `bucket:`",
            "17:9 jobs.c.triggers[0].s3: has no `prefix`: add `prefix:`",
        ],
    );
}

#[test]
fn a_scalar_that_does_not_fit_says_what_to_write() {
    let rows = [
        (
            "small: 010",
            "10 small: is 010, must be a whole number from -128 to 127: it looks octal: write it without the leading zero",
        ),
        (
            "small: 1_000",
            "10 small: is 1_000, must be a whole number from -128 to 127: write 1000 without underscores",
        ),
        (
            "small: 1e3",
            "10 small: is 1e3, must be a whole number from -128 to 127: write it in digits, without a fraction or an exponent",
        ),
        (
            "small: 1.0",
            "10 small: is 1.0, must be a whole number from -128 to 127: write it in digits, without a fraction or an exponent",
        ),
        (
            "small: +1",
            "10 small: is +1, must be a whole number from -128 to 127: write 1 without a sign",
        ),
        (
            "small: 0o17",
            "10 small: is 0o17, must be a whole number from -128 to 127: write it in decimal digits",
        ),
        (
            "small: 128",
            "10 small: is 128, must be a whole number from -128 to 127: write a whole number from -128 to 127",
        ),
        ("small: '-7'", "10 small: is a string: write -7 without quotes"),
        (
            "small: many",
            "10 small: is many, must be a whole number from -128 to 127: write a whole number from -128 to 127",
        ),
        (
            "small: [1]",
            "10 small: is a list, must be a whole number from -128 to 127: write a whole number from -128 to 127",
        ),
        (
            "small:",
            "3 small: has no value, must be a whole number from -128 to 127: write a whole number from -128 to 127",
        ),
        (
            "large: -1",
            "10 large: is -1, must be a whole number, not below 0: write a whole number, not below 0",
        ),
        (
            "large: 99999999999999999999999999999999999999999",
            "10 large: is 99999999999999999999999999999999999999999, must be a whole number, not below 0: write a whole number, not below 0",
        ),
        ("ratio: .inf", "10 ratio: is .inf, must be a number: write a number"),
        ("ratio: '1.5'", "10 ratio: is a string: write 1.5 without quotes"),
        ("ratio: 1e999", "10 ratio: is 1e999, must be a number: write a number"),
        (
            "ports: {x: y}",
            "11 ports.x: is x, must be a whole number from 0 to 65535: write a whole number from 0 to 65535",
        ),
        ("ports: {80: }", "11 ports.80: has no value: write '' for an empty string"),
    ];
    for (line, expected) in rows {
        check_extra(line, expected);
    }
}

#[test]
fn only_true_and_false_are_switches() {
    for text in ["yes", "on", "True", "TRUE", "no", "1"] {
        check_job(
            &format!("privileged: {text}"),
            &[&format!("5:17 jobs.a.privileged: is {text}: write true or false")],
        );
    }
    check_job(
        "privileged: 'true'",
        &["5:17 jobs.a.privileged: is a string: write true without quotes"],
    );
}

#[test]
fn a_mapping_or_list_that_does_not_fit_says_what_it_must_be() {
    check_job(
        "env: [a]",
        &[
            "5:10 jobs.a.env: is a list, must be a mapping: write it as `key: value`, one for each line",
        ],
    );
    check_job(
        "env:",
        &[
            "5:5 jobs.a.env: has no value, must be a mapping: write {} for an empty mapping, or leave the key out",
        ],
    );
    check_job(
        "triggers: s3",
        &["5:15 jobs.a.triggers: is s3, must be a list: write it as `- item` or `[item]`"],
    );
    check_job(
        "triggers: {s3: {}}",
        &["5:15 jobs.a.triggers: is a mapping, must be a list: write it as `- item` or `[item]`"],
    );
    check_job(
        "env: {A: {b: c}}",
        &["5:14 jobs.a.env.A: is a mapping, must be a string: write a string"],
    );
    check_job(
        "retry: 3",
        &[
            "5:12 jobs.a.retry: is 3, must be a mapping: write it as `key: value`, one for each line",
        ],
    );
}

#[test]
fn an_enum_that_does_not_fit_says_what_it_may_be() {
    let names = "`interruption`, `exitCode` or `slow`";
    let rows = [
        ("exitCode", "is exitCode, which needs a value: write `exitCode: ...`".to_owned()),
        (
            "{interruption: 1}",
            "is interruption, which takes no value: write `interruption`".to_owned(),
        ),
        ("{a: 1, b: 2}", format!("has 2 keys, must have one: write one of {names}")),
        ("{}", format!("has 0 keys, must have one: write one of {names}")),
        ("[]", format!("is a list, must be one of {names}: write one of {names}")),
        ("~", format!("has no value, must be one of {names}: write one of {names}")),
        ("{zzz: 1}", format!("is zzz, must be one of {names}: write one of {names}")),
        ("{Slow: {after: 1}}", format!("is Slow, must be one of {names}: did you mean `slow`?")),
    ];
    for (text, expected) in rows {
        let problems = list_problems(&job(&format!("retry: {{attempts: 1, on: [{text}]}}")));
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        let (_, problem) = problems[0].split_once("jobs.a.retry.on[0]: ").unwrap();
        assert_eq!(problem, expected);
    }
}

#[test]
fn an_unknown_key_names_the_nearest_or_all() {
    check_job(
        "retires: {attempts: 1}",
        &["5:5 jobs.a: unknown key `retires`: did you mean `retry`?"],
    );
    check_job("cp: 1", &["5:5 jobs.a: unknown key `cp`: did you mean `cpu`?"]);
    check_job("nev: {}", &["5:5 jobs.a: unknown key `nev`: did you mean `env`?"]);
    check_job("log_group: x", &["5:5 jobs.a: unknown key `log_group`: did you mean `logGroup`?"]);
    check_job(
        "timeout: 5m",
        &[
            "5:5 jobs.a: unknown key `timeout`: the keys allowed here are `image`, `cpu`, `env`, `retry`, `triggers`, `privileged` and `logGroup`",
        ],
    );
}

#[test]
fn everything_missing_is_reported_at_the_key_above() {
    check(
        "version: 1\njobs:\n  a: {}\n",
        &["3:3 jobs.a: has no `image`: add `image:`", "3:3 jobs.a: has no `cpu`: add `cpu:`"],
    );
    check("jobs: {}\n", &["1:1 the file has no `version`: add `version:`"]);
}

#[test]
fn what_comes_only_of_another_problem_is_not_reported() {
    check(
        "version: 1\njobs:\n  a: {imag: b, cpu: x}\n",
        &[
            "3:7 jobs.a: unknown key `imag`: did you mean `image`?",
            "3:21 jobs.a.cpu: is x, must be a whole number from 0 to 65535: write a whole number from 0 to 65535",
        ],
    );
    check(
        "version: 1\njobs:\n  a: &a\n    image: b\n    cpu: 1\n  b:\n    <<: *a\n",
        &[
            "3:6 jobs.a: has the anchor `&a`: anchors are not supported: write it out or use `defaults:`",
            "7:5 jobs.b.\"<<\": is a merge key: merge keys are not supported: write it out or use `defaults:`",
            "7:9 jobs.b.\"<<\": is the alias `*a`: aliases are not supported: write it out or use `defaults:`",
        ],
    );
    check_job(
        "retry: {on: [bad], attempts: 1}",
        &[
            "5:18 jobs.a.retry.on[0]: is bad, must be one of `interruption`, `exitCode` or `slow`: write one of `interruption`, `exitCode` or `slow`",
        ],
    );
}

#[test]
fn what_has_problems_is_left_out_of_the_value() {
    let file = read::<File>(TEN_MISTAKES).value.unwrap();
    let names: Vec<&str> = file.jobs.keys().map(|name| name.0.as_str()).collect();
    assert_eq!(names, ["c"]);
    assert!(file.jobs[&Name("c".to_owned())].triggers.is_empty());
    let source = "version: 1\njobs:\n  a: {image: b, cpu: 1, privileged: yes}\n  b: {image: 1}\n";
    let file = read::<File>(source).value.unwrap();
    let names: Vec<&str> = file.jobs.keys().map(|name| name.0.as_str()).collect();
    assert_eq!(names, ["a"]);
    assert!(!file.jobs[&Name("a".to_owned())].privileged);
    assert_eq!(read::<File>("jobs: {}").value, None);
    assert_eq!(read::<File>("[]").value, None);
}

#[test]
fn a_string_is_what_was_written() {
    let rows = [
        ("yes", "yes"),
        ("1", "1"),
        ("1.10", "1.10"),
        ("'~'", "~"),
        ("''", ""),
        ("\"\\u00e9\"", "é"),
        ("0x1F", "0x1F"),
        ("2024-01-01", "2024-01-01"),
    ];
    for (written, expected) in rows {
        let file = read_well(&job(&format!("env: {{N: {written}}}")));
        assert_eq!(file.jobs[&Name("a".to_owned())].env["N"], expected);
    }
}

#[test]
fn every_kind_of_value_is_read() {
    let file = read_well(
        "\u{feff}version: 255\r\nextra:\r\n  ratio: -1.5e3\r\n  small: -128\r\n  large: 18446744073709551615\r\n  ports: {80: http}\r\n",
    );
    let expected = Extra {
        ratio: -1500.0,
        small: -128,
        large: u64::MAX,
        ports: BTreeMap::from([(80, "http".to_owned())]),
    };
    assert_eq!(file.extra, expected);
    let file = read_well(&job(
        "retry: {attempts: 1, on: [interruption, exitCode: [1, -1], slow: {after: 5}]}\n    logGroup: ~",
    ));
    let job = &file.jobs[&Name("a".to_owned())];
    let on = &job.retry.as_ref().unwrap().on;
    assert_eq!(
        *on,
        [Cause::Interruption, Cause::ExitCode(vec![1, -1]), Cause::Slow(Slow { after: 5 })]
    );
    assert_eq!(job.log_group, None);
}

#[test]
fn more_problems_than_can_be_shown_end_the_list() {
    let source: String = (0..PROBLEMS_MAX + 50).map(|n| format!("k{n}: 1\n")).collect();
    let problems = list_problems(&source);
    assert_eq!(problems.len(), PROBLEMS_MAX + 1);
    assert_eq!(problems[0], "the file has more problems: correct these first");
}

#[test]
fn problems_are_shown_with_their_lines() {
    let source = "version: 300\njobs:\n  a:\n    image: b\n    cpu: 1\n    retires: 3\n";
    let problems = read::<File>(source).problems;
    insta::assert_snapshot!(render(&problems, "jobs.yaml", source, false), @r"
    error: version: is 300, must be a whole number from 0 to 255
     --> jobs.yaml:1:10
      |
    1 | version: 300
      |          ^^^
      |
      = help: write a whole number from 0 to 255

    error: jobs.a: unknown key `retires`
     --> jobs.yaml:6:5
      |
    6 |     retires: 3
      |     ^^^^^^^
      |
      = help: did you mean `retry`?
    ");
}

proptest! {
    #[test]
    fn no_text_makes_reading_panic(source in ".{0,80}") {
        check_total(&source);
    }

    #[test]
    fn no_text_like_yaml_makes_reading_panic(
        source in "([a-c\u{feff}é字]|: |:|- |\n|\r\n|\n  |\t|\\[|\\]|\\{|\\}|,|&a |\\*a|!t |<<|'|\"|#|\\||>|\\?|---|~|[0-9._]){0,60}"
    ) {
        check_total(&source);
    }

    #[test]
    fn no_damage_to_a_document_makes_reading_panic(
        at in 0..TEN_MISTAKES.len(),
        length in 0..20_usize,
        text in "([a-c]|: |- |\n|\t|\\[|\\]|\\{|\\}|,|&a |\\*a|!t |<<|'|\"|[0-9]){0,5}",
    ) {
        let end = (at + length).min(TEN_MISTAKES.len());
        check_total(&format!("{}{text}{}", &TEN_MISTAKES[..at], &TEN_MISTAKES[end..]));
    }
}

/// Whatever the source, there is a value or a problem, and the problems can be shown.
fn check_total(source: &str) {
    let reading = read::<File>(source);
    assert!(reading.value.is_some() || !reading.problems.is_empty());
    for problem in &reading.problems {
        if let Some(span) = &problem.span {
            assert!(source.get(span.clone()).is_some(), "{problem} at {span:?}");
        }
    }
    for colour in [false, true] {
        render(&reading.problems, "jobs.yaml", source, colour);
    }
}
