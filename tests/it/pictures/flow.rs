//! An event's way, from what sends it to the verdict.

use super::svg::Picture;

/// A box: where it is, how large, whether it is a function of ours, and its two lines.
type Place = ((i32, i32), (i32, i32), bool, &'static str, &'static str);

const PLACES: [Place; 12] = [
    ((20, 30), (140, 44), false, "schedules", "EventBridge Scheduler"),
    ((20, 88), (140, 44), false, "objects", "S3, by a rule"),
    ((20, 146), (140, 44), false, "people", "run, rerun"),
    ((220, 85), (120, 50), false, "events queue", "SQS"),
    ((400, 85), (130, 50), true, "dispatch", "event to task"),
    ((740, 85), (140, 50), false, "ECS on Fargate", "your containers"),
    ((20, 222), (140, 44), false, "dead letters", "each with its reason"),
    ((400, 205), (130, 50), true, "sweep", "every minute"),
    ((590, 205), (120, 50), false, "ledger", "DynamoDB"),
    ((740, 325), (140, 50), false, "states queue", "SQS, by a rule"),
    ((400, 325), (130, 50), true, "record", "task state to verdict"),
    ((20, 325), (140, 50), false, "bus", "how runs ended"),
];

const ARROWS: [&[(i32, i32)]; 14] = [
    &[(160, 52), (220, 100)],
    &[(160, 110), (220, 110)],
    &[(160, 168), (220, 122)],
    &[(340, 110), (400, 110)],
    &[(530, 104), (740, 104)],
    &[(500, 135), (610, 205)],
    &[(235, 135), (160, 232)],
    &[(810, 135), (810, 325)],
    &[(740, 350), (530, 350)],
    &[(500, 325), (610, 255)],
    &[(400, 356), (160, 356)],
    &[(400, 338), (300, 338), (300, 135)],
    &[(400, 230), (300, 230), (300, 135)],
    &[(530, 230), (590, 230)],
];

const WORDS: [((i32, i32), &str); 9] = [
    ((600, 97), "RunTask"),
    ((572, 164), "claim"),
    ((818, 235), "task states"),
    ((604, 343), "news"),
    ((545, 314), "verdict"),
    ((196, 348), "outcome"),
    ((312, 330), "next attempt"),
    ((318, 222), "reminders"),
    ((540, 222), "due"),
];

pub(super) fn draw() -> String {
    let mut picture = Picture::new(900, 405);
    for places in ARROWS {
        picture.arrow(places);
    }
    // Sweep asks ECS itself, on a way of its own around the ledger.
    picture.arrow(&[(450, 255), (450, 290), (770, 290), (770, 135)]);
    picture.text((620.0, 284.0), "small", "where is it? stop");
    for ((x, y), text) in WORDS {
        picture.text((f64::from(x), f64::from(y)), "small", text);
    }
    for ((x, y), (width, height), is_ours, name, what) in PLACES {
        let [x, y, width, height] = [x, y, width, height].map(f64::from);
        picture.rect((x, y), (width, height), if is_ours { "ours" } else { "box" });
        let middle = (x + width / 2.0, y + height / 2.0);
        picture.text((middle.0, middle.1 - 3.0), "title mid", name);
        picture.text((middle.0, middle.1 + 13.0), "small mid", what);
    }
    picture.finish("An event's way through longshore")
}
