//! A page of Markdown: its blocks of code, and what stands between backticks.

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    /// The first word after the fence.
    pub(super) language: &'a str,
    /// The second: the file that the reader is asked to write.
    pub(super) file: Option<&'a str>,
    pub(super) text: &'a str,
}

/// The blocks in their order.
pub(super) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("\n```") {
        let (info, body) = after.split_once('\n').unwrap_or((after, ""));
        // The newline before a fence is part of what it closes.
        let end = if body.starts_with("```") { 0 } else { body.find("\n```").unwrap() + 1 };
        let mut info = info.split(' ');
        let language = info.next().unwrap_or_default();
        found.push(Block { language, file: info.next(), text: &body[..end] });
        rest = &body[end + 3..];
    }
    found
}

impl Block<'_> {
    /// The commands of a block of shell, without comments; a line that goes on is one command.
    pub(super) fn commands(&self) -> Vec<String> {
        let whole = self.text.replace("\\\n", " ");
        let lines = whole.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
    }

    /// The code that a command ends with by its own comment; 0 where that says nothing.
    pub(super) fn exit_code(&self, command: &str) -> i32 {
        let line = self.text.lines().find(|line| line.starts_with(command)).unwrap_or_default();
        line.rsplit_once("# exits with ").map_or(0, |(_, code)| code.trim().parse().unwrap())
    }
}

/// What stands between backticks outside of blocks, a line break being a space.
pub(super) fn inline(text: &str) -> Vec<String> {
    let blocks = blocks(text);
    let mut prose = text.to_owned();
    for block in blocks {
        prose = prose.replacen(block.text, "", 1);
    }
    let prose = prose.lines().filter(|line| !line.starts_with("```")).collect::<Vec<_>>().join(" ");
    prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn a_page_comes_apart() {
    let text = "Say `a\nb`.\n\n```sh\none   # exits with 3\n# two\nthree \\\n  four\n```\n\n```yaml f.yaml\nx: 1\n```\n`c`\n";
    let found = blocks(text);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].commands(), ["one", "three    four"]);
    assert_eq!((found[0].exit_code("one"), found[0].exit_code("three")), (3, 0));
    let file = Block { language: "yaml", file: Some("f.yaml"), text: "x: 1\n" };
    assert_eq!(found[1], file);
    assert_eq!(inline(text), ["a b", "c"]);
}
