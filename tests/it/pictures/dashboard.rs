//! The dashboard as the template has it: what stands where, and what each part shows.

use serde_json::Value;

use super::svg::Picture;

/// The size of one of CloudWatch's units; a dashboard is 24 of them wide.
const UNIT: (f64, f64) = (37.0, 26.0);

pub(super) fn draw(body: &Value) -> String {
    let widgets = body["widgets"].as_array().unwrap();
    let of = |widget: &Value, name: &str| widget[name].as_f64().unwrap();
    let rows =
        widgets.iter().map(|widget| of(widget, "y") + of(widget, "height")).fold(0.0, f64::max);
    let mut picture = Picture::new((24.0 * UNIT.0) as u32 + 16, (rows * UNIT.1) as u32 + 16);
    for widget in widgets {
        let (x, y) = (8.0 + of(widget, "x") * UNIT.0, 8.0 + of(widget, "y") * UNIT.1);
        let size = (of(widget, "width") * UNIT.0 - 8.0, of(widget, "height") * UNIT.1 - 8.0);
        picture.rect((x + 4.0, y + 4.0), size, "box");
        let properties = &widget["properties"];
        picture.text((x + 16.0, y + 26.0), "title", properties["title"].as_str().unwrap());
        let metrics = properties["metrics"].as_array().unwrap();
        for (row, metric) in metrics.iter().enumerate() {
            picture.text((x + 16.0, y + 46.0 + 15.0 * row as f64), "small", &label(metric));
        }
    }
    picture.finish("The dashboard in CloudWatch")
}

/// What a metric is called there.
fn label(metric: &Value) -> String {
    let parts = metric.as_array().unwrap();
    let options = parts.last().filter(|last| last.is_object());
    if let Some(label) = options.and_then(|options| options["label"].as_str()) {
        return label.to_owned();
    }
    if options.is_some_and(|options| options.get("expression").is_some()) {
        return "by job and verdict".to_owned();
    }
    let text = |place: usize| parts.get(place).and_then(Value::as_str).unwrap_or_default();
    match (text(2), text(3)) {
        ("QueueName", queue) => {
            queue.trim_start_matches("${").split('.').next().unwrap_or_default().to_owned()
        }
        _ => text(1).to_owned(),
    }
}
