//! What `show` and `runs` print, to the letter: on narrow and wide terminals, in a pipe, with and
//! without colour, and as JSON.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use anstream::adapter::strip_str;

use super::{runs, show};
use crate::jobs::prices::Prices;
use crate::run::Run;

mod fixture;

use fixture::{at, ended, started, unstartable};

fn shown(run: &Run, width: Option<usize>) -> String {
    let costed = crate::cost::of(run, &Prices::new(), at(6_000.0));
    show::page(run, &costed, width)
}

fn plain(text: &str) -> String {
    strip_str(text).to_string()
}

/// Escape sequences as people can read them.
fn visible(text: &str) -> String {
    text.replace('\u{1b}', "^")
}

#[test]
fn a_run_with_much_happening_reads_as_one_story_on_a_small_terminal() {
    let text = plain(&shown(&ended(0), Some(80)));
    assert!(text.lines().count() < 30, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(include_str!("../../docs/operating.md").contains(&text), "docs/operating.md shows it");
    insta::assert_snapshot!(text, @r"
    nightly-report-jvyyf6cton5frnyz5db5  2026-11-24 UTC
      02:00:00.000  event    schedule nightly-report 2026-11-24T02:00:00Z
      02:00:02.140  claimed
      02:00:02.140  launch   attempt 1
      02:00:02.140  refused  Capacity is unavailable at this time. Please try again
                             later or in a different availability zone
      02:02:02.500  launch   attempt 1, launch 2
      02:02:04.012  task     075b3bd9635baed28dc7c22339f7b24d on FARGATE_SPOT
      02:02:13.400  network  attached
      02:02:45.951  pulled   its image in 24s, since 02:02:21.800
      02:02:48.300  running
      02:31:45.700  stopping
      02:32:16.250  exited   main 143, proxy 0
      02:32:40.900  SpotInterruption Fargate Spot took the capacity back and
                             container `main` ended with exit code 143;
                             `spotInterruption` in `retry.on` tries again, `FARGATE`
                             in `capacity` avoids it
      02:33:12.080  launch   attempt 2
      02:33:13.200  task     c2f1a9a6a6a44b0d8e6a9c6cf6f2a911 on FARGATE
      02:33:21.000  network  attached
      02:33:51.000  pulled   its image in 21s, since 02:33:29.400
      02:33:53.100  running
      03:26:44.600  stopping
      03:26:54.700  exited   main 0, proxy 137
      03:27:17.200  Succeeded container `main` exited with code 0; beside it,
                             `proxy` exited with code 137
      Succeeded, exit code 0, ran 53m24s, 2 attempts
      cost about $0.0518: 1h24m of Fargate at us-east-1's prices of 2026-09-23
    ");
}

#[test]
fn a_wide_terminal_has_a_line_for_each_moment() {
    insta::assert_snapshot!(plain(&shown(&ended(3), Some(200))), @r"
    nightly-report-jvyyf6cton5frnyz5db5  2026-11-24 UTC
      02:00:00.000  event    schedule nightly-report 2026-11-24T02:00:00Z
      02:00:02.140  claimed
      02:00:02.140  launch   attempt 1
      02:00:02.140  refused  Capacity is unavailable at this time. Please try again later or in a different availability zone
      02:02:02.500  launch   attempt 1, launch 2
      02:02:04.012  task     075b3bd9635baed28dc7c22339f7b24d on FARGATE_SPOT
      02:02:13.400  network  attached
      02:02:45.951  pulled   its image in 24s, since 02:02:21.800
      02:02:48.300  running
      02:31:45.700  stopping
      02:32:16.250  exited   main 143, proxy 0
      02:32:40.900  SpotInterruption Fargate Spot took the capacity back and container `main` ended with exit code 143; `spotInterruption` in `retry.on` tries again, `FARGATE` in `capacity` avoids it
      02:33:12.080  launch   attempt 2
      02:33:13.200  task     c2f1a9a6a6a44b0d8e6a9c6cf6f2a911 on FARGATE
      02:33:21.000  network  attached
      02:33:51.000  pulled   its image in 21s, since 02:33:29.400
      02:33:53.100  running
      03:26:44.600  stopping
      03:26:54.700  exited   main 3, proxy 137
      03:27:17.200  Failed   container `main` exited with code 3; beside it, `proxy` exited with code 137
      Failed, exit code 3, ran 53m24s, 2 attempts
      cost about $0.0518: 1h24m of Fargate at us-east-1's prices of 2026-09-23
    ");
}

#[test]
fn a_pipe_gets_every_line_whole_and_a_terminal_colours_it() {
    let text = shown(&ended(0), None);
    assert_eq!(plain(&text), plain(&shown(&ended(0), Some(500))));
    let few: Vec<String> = text.lines().take(3).chain(text.lines().skip(21)).map(visible).collect();
    insta::assert_snapshot!(few.join("\n"), @r"
    ^[1mnightly-report-jvyyf6cton5frnyz5db5^[0m  ^[2m2026-11-24 UTC^[0m
      ^[2m02:00:00.000^[0m  event    schedule nightly-report 2026-11-24T02:00:00Z
      ^[2m02:00:02.140^[0m  claimed
      ^[32mSucceeded^[0m, exit code 0, ran 53m24s, 2 attempts
      cost about $0.0518: 1h24m of Fargate at us-east-1's prices of 2026-09-23
    ");
}

#[test]
fn a_run_that_goes_on_says_where_it_stands_and_what_it_cost_so_far() {
    insta::assert_snapshot!(plain(&shown(&started(), Some(80))), @r"
    nightly-report-jvyyf6cton5frnyz5db5  2026-11-24 UTC
      02:00:00.000  event    schedule nightly-report 2026-11-24T02:00:00Z
      02:00:02.140  claimed
      02:00:02.140  launch   attempt 1
      02:00:02.140  refused  Capacity is unavailable at this time. Please try again
                             later or in a different availability zone
      02:02:02.500  launch   attempt 1, launch 2
      02:02:04.012  task     075b3bd9635baed28dc7c22339f7b24d on FARGATE_SPOT
      02:02:13.400  network  attached
      02:02:45.951  pulled   its image in 24s, since 02:02:21.800
      02:02:48.300  running
      Running, 2 launches
      cost about $0.0241 so far: 1h37m of Fargate at us-east-1's prices of
        2026-09-23
    ");
}

#[test]
fn a_task_that_cannot_start_says_why_and_what_to_do() {
    insta::assert_snapshot!(plain(&shown(&unstartable(), Some(80))), @r"
    nightly-report-jvyyf6cton5frnyz5db5  2026-11-24 UTC
      02:00:00.000  event    schedule nightly-report 2026-11-24T02:00:00Z
      02:00:02.140  claimed
      02:00:02.140  launch   attempt 1
      02:00:03.100  task     075b3bd9635baed28dc7c22339f7b24d on FARGATE_SPOT
      02:00:12.900  network  attached
      02:00:20.700  pulling  its image
      02:00:24.000  stopping
      02:00:47.300  Failed   failed to start: CannotPullContainerError: pull image
                             manifest has been retried 1 time(s): failed to resolve
                             ref
                             123456789012.dkr.ecr.us-east-1.amazonaws.com/report:1.4.3:
                             123456789012.dkr.ecr.us-east-1.amazonaws.com/report:1.4.3:
                             not found
      02:00:47.300  cause    the image or its tag is not in the registry
      02:00:47.300  remedy   correct the image's name, tag or digest, or push it; a
                             digest or a fixed tag does not go away as :latest does
      Failed
      cost about $0.0002: 1m0s of Fargate at us-east-1's prices of 2026-09-23
    ");
}

#[test]
fn the_same_story_in_json() {
    let run = ended(0);
    let costed = crate::cost::of(&run, &Prices::new(), at(6_000.0));
    let mut value = show::to_json(&run, &costed);
    insta::assert_snapshot!(serde_json::to_string_pretty(&value["cost"]).unwrap(), @r#"
    {
      "dollars": 0.051756,
      "isEstimate": true,
      "prices": {
        "date": "2026-09-23",
        "from": "https://aws.amazon.com/fargate/pricing/",
        "region": "us-east-1"
      },
      "tasks": [
        {
          "attempt": 1,
          "billedSeconds": 1820,
          "dollars": 0.007488,
          "goesOn": false,
          "launch": 2,
          "spot": true
        },
        {
          "attempt": 2,
          "billedSeconds": 3228,
          "dollars": 0.044268,
          "goesOn": false,
          "launch": 1,
          "spot": false
        }
      ]
    }
    "#);
    let timeline = value["timeline"].as_array_mut().unwrap();
    let moments: Vec<String> = timeline
        .iter()
        .map(|moment| format!("  {}  {}\n", &moment["at"].as_str().unwrap()[11..], moment["text"]))
        .collect();
    insta::assert_snapshot!(moments.concat(), @r#"
    02:00:00Z  "event    schedule nightly-report 2026-11-24T02:00:00Z"
    02:00:02.14Z  "claimed"
    02:00:02.14Z  "launch   attempt 1"
    02:00:02.14Z  "refused  Capacity is unavailable at this time. Please try again later or in a different availability zone"
    02:02:02.5Z  "launch   attempt 1, launch 2"
    02:02:04.012Z  "task     075b3bd9635baed28dc7c22339f7b24d on FARGATE_SPOT"
    02:02:13.4Z  "network  attached"
    02:02:45.951Z  "pulled   its image in 24s, since 02:02:21.800"
    02:02:48.3Z  "running"
    02:31:45.7Z  "stopping"
    02:32:16.25Z  "exited   main 143, proxy 0"
    02:32:40.9Z  "SpotInterruption Fargate Spot took the capacity back and container `main` ended with exit code 143; `spotInterruption` in `retry.on` tries again, `FARGATE` in `capacity` avoids it"
    02:33:12.08Z  "launch   attempt 2"
    02:33:13.2Z  "task     c2f1a9a6a6a44b0d8e6a9c6cf6f2a911 on FARGATE"
    02:33:21Z  "network  attached"
    02:33:51Z  "pulled   its image in 21s, since 02:33:29.400"
    02:33:53.1Z  "running"
    03:26:44.6Z  "stopping"
    03:26:54.7Z  "exited   main 0, proxy 137"
    03:27:17.2Z  "Succeeded container `main` exited with code 0; beside it, `proxy` exited with code 137"
    "#);
    insta::assert_snapshot!(
        serde_json::to_string_pretty(&value["attempts"][0]["launches"][1]).unwrap(), @r#"
    {
      "at": "2026-11-24T02:02:02.5Z",
      "containers": [
        {
          "exitCode": 143,
          "name": "main"
        },
        {
          "exitCode": 0,
          "name": "proxy"
        }
      ],
      "launch": 2,
      "refusal": null,
      "size": {
        "architecture": "X86_64",
        "cpu": 1024,
        "memory": 2048,
        "taskDefinition": "nightly-report:12"
      },
      "task": "arn:aws:ecs:us-east-1:123456789012:task/batch/075b3bd9635baed28dc7c22339f7b24d",
      "times": {
        "connectivityAt": "2026-11-24T02:02:13.4Z",
        "createdAt": "2026-11-24T02:02:04.012Z",
        "executionStoppedAt": "2026-11-24T02:32:16.25Z",
        "pullStartedAt": "2026-11-24T02:02:21.8Z",
        "pullStoppedAt": "2026-11-24T02:02:45.951Z",
        "startedAt": "2026-11-24T02:02:48.3Z",
        "stoppedAt": "2026-11-24T02:32:40.9Z",
        "stoppingAt": "2026-11-24T02:31:45.7Z"
      }
    }
    "#);
}

#[test]
fn runs_are_listed_whole_on_a_wide_terminal_and_in_a_pipe() {
    let runs = [started(), ended(0), ended(3)];
    let table = runs::table(&runs, at(6_000.0), Some(200));
    insta::assert_snapshot!(plain(&table), @r"
    RUN                                  STATUS     EXIT  ATTEMPTS  RAN     AGE    REASON
    nightly-report-jvyyf6cton5frnyz5db5  Running          1                 1h39m
    nightly-report-jvyyf6cton5frnyz5db5  Succeeded  0     2         53m24s  1h39m
    nightly-report-jvyyf6cton5frnyz5db5  Failed     3     2         53m24s  1h39m  container `main` exited with code 3; beside it, `proxy` exited with code 137
    ");
    assert_eq!(table, runs::table(&runs, at(6_000.0), None));
    insta::assert_snapshot!(visible(table.lines().next().unwrap()), @r"^[2mRUN                                  STATUS     EXIT  ATTEMPTS  RAN     AGE    REASON^[0m");
}

#[test]
fn on_a_small_terminal_a_runs_reason_goes_below_it() {
    let table = runs::table(&[started(), ended(0), ended(3)], at(6_000.0), Some(80));
    insta::assert_snapshot!(plain(&table), @r"
    RUN                                  STATUS     EXIT  ATTEMPTS  RAN     AGE
    nightly-report-jvyyf6cton5frnyz5db5  Running          1                 1h39m
    nightly-report-jvyyf6cton5frnyz5db5  Succeeded  0     2         53m24s  1h39m
    nightly-report-jvyyf6cton5frnyz5db5  Failed     3     2         53m24s  1h39m
      container `main` exited with code 3; beside it, `proxy` exited with code 137
    ");
}
