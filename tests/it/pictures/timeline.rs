//! A run's timeline from what `show` prints of it: a bar for each launch.

use jiff::civil::Time;

use super::svg::Picture;

/// Where the bars begin, and how far they go.
const LEFT: f64 = 230.0;
const WIDTH: f64 = 560.0;
const ROW: f64 = 46.0;
const MINUTES_BETWEEN_RULES: usize = 15;

/// One launch, in minutes after the event.
#[derive(Default)]
struct Bar {
    name: String,
    on: String,
    launched: f64,
    running: Option<f64>,
    stopping: Option<f64>,
    ended: f64,
    how: String,
}

pub(super) fn draw(shown: &str) -> String {
    let (bars, minutes) = bars(shown);
    let height = 74.0 + ROW * bars.len() as f64;
    let mut picture = Picture::new(920, height as u32);
    let at = |minute: f64| LEFT + WIDTH * minute / minutes;
    for minute in (0..=minutes as usize).step_by(MINUTES_BETWEEN_RULES) {
        let x = at(minute as f64);
        picture.rule((x, 26.0), height - 40.0);
        picture.text((x, 20.0), "small mid", &format!("{minute} min"));
    }
    for (row, bar) in bars.iter().enumerate() {
        let y = 36.0 + ROW * row as f64;
        picture.text((16.0, y + 12.0), "title", &bar.name);
        picture.text((16.0, y + 28.0), "small", &bar.on);
        let parts = [
            (bar.launched, bar.running.unwrap_or(bar.ended), "wait"),
            (bar.running.unwrap_or(bar.ended), bar.stopping.unwrap_or(bar.ended), "run"),
            (bar.stopping.unwrap_or(bar.ended), bar.ended, "stop"),
        ];
        for (from, to, class) in parts.into_iter().filter(|(from, to, _)| to > from) {
            picture.rect((at(from), y), (at(to) - at(from), 22.0), class);
        }
        if bar.running.is_none() {
            picture.dot((at(bar.launched), y + 11.0), "stop");
        }
        picture.text((at(bar.ended) + 10.0, y + 16.0), "small", &bar.how);
    }
    let legend = [("wait", "launched, pulling"), ("run", "running"), ("stop", "stopping, refused")];
    for (place, (class, word)) in legend.into_iter().enumerate() {
        let x = LEFT + 150.0 * place as f64;
        picture.rect((x, height - 24.0), (12.0, 12.0), class);
        picture.text((x + 18.0, height - 14.0), "small", word);
    }
    picture.finish("A run's timeline")
}

/// The launches of a run as it is shown, and the minutes until its end.
fn bars(shown: &str) -> (Vec<Bar>, f64) {
    let (mut bars, mut beginning, mut last): (Vec<Bar>, Option<Time>, f64) =
        (Vec::new(), None, 0.0);
    for line in shown.lines() {
        let mut fields = line.trim_start().splitn(2, ' ');
        let Some(Ok(time)) = fields.next().map(str::parse::<Time>) else { continue };
        let from = *beginning.get_or_insert(time);
        let minute = (time - from).total(jiff::Unit::Second).unwrap() / 60.0;
        let (word, rest) = fields.next().unwrap().trim().split_once(' ').unwrap_or_default();
        if word == "launch" {
            let name = rest.trim().to_owned();
            bars.push(Bar { name, launched: minute, ended: minute, ..Bar::default() });
        }
        last = minute;
        let Some(bar) = bars.last_mut() else { continue };
        bar.ended = minute;
        match word {
            "task" => bar.on = rest.split(" on ").nth(1).unwrap_or_default().to_owned(),
            "" => match fields_of(line) {
                "running" => bar.running = Some(minute),
                "stopping" => bar.stopping = Some(minute),
                _ => {}
            },
            "refused" => bar.how = "no capacity".to_owned(),
            word if word.starts_with(char::is_uppercase) => bar.how = word.to_owned(),
            _ => {}
        }
    }
    (bars, last)
}

/// The word of a line that has no other.
fn fields_of(line: &str) -> &str {
    line.split_whitespace().nth(1).unwrap_or_default()
}
