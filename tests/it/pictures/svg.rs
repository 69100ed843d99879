//! The few shapes that the pictures are made of, in colours for a light and a dark page.

use std::fmt::Write as _;

/// Colours by class. A picture has a ground of its own, so it can be read on any page.
const STYLE: &str = "\
text{font:13px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328}
.small{font-size:11px;fill:#59636e}.title{font-weight:600}.mid{text-anchor:middle}.end{text-anchor:end}
.ground{fill:#ffffff;stroke:#d1d9e0}.box{fill:#f6f8fa;stroke:#8c959f}.ours{fill:#ddf4ff;stroke:#0969da}
.line{fill:none;stroke:#59636e;stroke-width:1.5}.head{fill:#59636e}.grid{stroke:#d1d9e0}
.wait{fill:#d4a72c}.run{fill:#2da44e}.stop{fill:#cf222e}
@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.small{fill:#9198a1}
.ground{fill:#0d1117;stroke:#3d444d}.box{fill:#151b23;stroke:#656c76}.ours{fill:#121d2f;stroke:#4493f8}
.line{stroke:#9198a1}.head{fill:#9198a1}.grid{stroke:#3d444d}}";

/// A picture that grows.
pub(super) struct Picture {
    size: (u32, u32),
    body: String,
}

impl Picture {
    pub(super) fn new(width: u32, height: u32) -> Self {
        Self { size: (width, height), body: String::new() }
    }

    /// Text that begins, or as `class` says has its middle or end, at a place.
    pub(super) fn text(&mut self, (x, y): (f64, f64), class: &str, text: &str) {
        let safe = text.replace('&', "&amp;").replace('<', "&lt;");
        self.add(&format!(r#"<text x="{x:.0}" y="{y:.0}" class="{class}">{safe}</text>"#));
    }

    pub(super) fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), class: &str) {
        self.add(&format!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="4" class="{class}"/>"#
        ));
    }

    pub(super) fn dot(&mut self, (x, y): (f64, f64), class: &str) {
        self.add(&format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="5" class="{class}"/>"#));
    }

    pub(super) fn rule(&mut self, (x, y): (f64, f64), to: f64) {
        self.add(&format!(r#"<path d="M{x:.1} {y:.1}V{to:.1}" class="grid"/>"#));
    }

    /// A line through these places, with a head at its end.
    pub(super) fn arrow(&mut self, places: &[(i32, i32)]) {
        let path: Vec<String> = places.iter().map(|(x, y)| format!("{x} {y}")).collect();
        let path = path.join("L");
        self.add(&format!(r#"<path d="M{path}" class="line" marker-end="url(#head)"/>"#));
    }

    fn add(&mut self, shape: &str) {
        _ = writeln!(self.body, "{shape}");
    }

    pub(super) fn finish(self, title: &str) -> String {
        let ((width, height), body) = (self.size, self.body);
        format!(
            "<!-- Drawn by `make pictures`: change tests/it/pictures. -->\n\
             <svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n\
             <defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" \
             markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" class=\"head\"/></marker></defs>\n\
             <rect x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\" class=\"ground\"/>\n\
             {body}</svg>\n",
            width - 1,
            height - 1
        )
    }
}
