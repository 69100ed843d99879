//! Shells and other programs that read part of their argv as code: text from outside must never
//! get there.

/// A program that reads part of its argv as code.
struct Interpreter {
    names: &'static [&'static str],
    /// Options of one letter that code follows: `-c code`, `-uc code`, `-ccode`.
    letters: &'static [char],
    /// Other words that code follows: `--eval code`, `--eval=code`.
    words: &'static [&'static str],
    /// Options of one letter that a name follows, whatever its letters: `-Mmodule`.
    names_follow: &'static [char],
    /// Whether more options may stand between the letter and the code: `sh -c -- code`.
    options_follow: bool,
    /// Whether the first word that is no option is a script, with arguments of its own.
    runs_scripts: bool,
}

/// What most of them are like.
const PLAIN: Interpreter = Interpreter {
    names: &[],
    letters: &[],
    words: &[],
    names_follow: &[],
    options_follow: false,
    runs_scripts: true,
};

const INTERPRETERS: [Interpreter; 8] = [
    Interpreter {
        names: &["sh", "bash", "ash", "dash", "zsh", "ksh", "mksh", "fish"],
        letters: &['c'],
        words: &["--command"],
        options_follow: true,
        ..PLAIN
    },
    Interpreter { names: &["python", "pypy"], letters: &['c'], ..PLAIN },
    Interpreter {
        names: &["node", "nodejs", "deno", "bun"],
        letters: &['e', 'p'],
        words: &["--eval", "--print", "eval"],
        ..PLAIN
    },
    Interpreter {
        names: &["perl", "ruby", "lua", "luajit", "R", "Rscript"],
        letters: &['e', 'E'],
        names_follow: &['M', 'm', 'I'],
        ..PLAIN
    },
    Interpreter { names: &["php"], letters: &['r', 'B', 'R', 'E'], words: &["--run"], ..PLAIN },
    Interpreter {
        names: &["pwsh", "powershell"],
        letters: &['c'],
        words: &["-Command", "-command"],
        ..PLAIN
    },
    Interpreter {
        names: &["su", "runuser", "flock"],
        letters: &['c'],
        words: &["--command", "--session-command"],
        runs_scripts: false,
        ..PLAIN
    },
    Interpreter { names: &["env"], letters: &['S'], words: &["--split-string"], ..PLAIN },
];

impl Interpreter {
    fn named(element: &str) -> Option<&'static Self> {
        let program = element.rsplit('/').next().unwrap_or(element);
        // python3.12 is python here.
        let program = program.trim_end_matches(|c: char| c == '.' || c.is_ascii_digit());
        INTERPRETERS.iter().find(|interpreter| interpreter.names.contains(&program))
    }

    /// Where code is when this element stands in its argv.
    fn code_at(&self, element: &str) -> Code {
        let is_word = |word: &&&str| {
            element.strip_prefix(**word).is_some_and(|rest| {
                rest.is_empty() || word.starts_with("--") && rest.starts_with('=')
            })
        };
        if let Some(word) = self.words.iter().find(is_word) {
            return if *word == element { Code::Next } else { Code::Here };
        }
        let letters = element
            .strip_prefix('-')
            .filter(|rest| !rest.starts_with('-') && !rest.starts_with(self.names_follow));
        let Some(letters) = letters else { return Code::Elsewhere };
        match letters.find(self.letters) {
            None => Code::Elsewhere,
            Some(_) if self.options_follow => Code::Next,
            Some(_) if letters.ends_with(self.letters) => Code::Next,
            Some(_) => Code::Here,
        }
    }
}

/// Where an interpreter finds its code.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Code {
    /// In the rest of this element.
    Here,
    /// In the element after this one.
    Next,
    /// Not by this element.
    Elsewhere,
}

/// The indexes of the argv elements that a shell or interpreter in the same argv reads as code.
pub fn code_elements(argv: &[&str]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut interpreter: Option<&Interpreter> = None;
    let mut is_next = false;
    let mut previous = "";
    for (index, element) in argv.iter().enumerate() {
        let is_option = element.len() > 1 && element.starts_with(['-', '+']);
        if let Some(running) = interpreter {
            // `-o` takes a word of its own.
            let is_value = previous.starts_with(['-', '+']) && previous.ends_with('o');
            let skips = is_next && running.options_follow && (is_option || is_value);
            if is_next && !skips {
                found.push(index);
                (interpreter, is_next) = (None, false);
                previous = element;
                continue;
            }
            match running.code_at(element) {
                Code::Next => is_next = true,
                Code::Here => found.push(index),
                // A word after an option may be the option's.
                Code::Elsewhere
                    if running.runs_scripts && !is_option && !previous.starts_with('-') =>
                {
                    interpreter = None;
                }
                Code::Elsewhere => {}
            }
        }
        if !is_option
            && !is_next
            && let Some(next) = Interpreter::named(element)
        {
            interpreter = Some(next);
        }
        previous = element;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_element_a_shell_reads_as_code_is_found() {
        for (argv, code) in [
            (vec!["sh", "-c", "x"], vec![2]),
            (vec!["/bin/bash", "-euo", "pipefail", "-c", "x", "--", "y"], vec![4]),
            (vec!["bash", "-lc", "x"], vec![2]),
            (vec!["env", "A=1", "python3.12", "-c", "x"], vec![4]),
            (vec!["python", "-c", "x"], vec![2]),
            (vec!["node", "--eval", "x"], vec![2]),
            (vec!["perl", "-e", "x"], vec![2]),
            (vec!["sh", "-c", "--", "x"], vec![3]),
            (vec!["bash", "-c", "-x", "+e", "x", "$0"], vec![4]),
            (vec!["bash", "-c", "-o", "pipefail", "x"], vec![4]),
            (vec!["busybox", "sh", "-ec", "x"], vec![3]),
            (vec!["python3", "-Iuc", "x"], vec![2]),
            (vec!["python3", "-cx"], vec![1]),
            (vec!["node", "--eval=x"], vec![1]),
            (vec!["deno", "eval", "x"], vec![2]),
            (vec!["perl", "-lane", "x"], vec![2]),
            (vec!["perl", "-MFile::Cache", "x"], vec![]),
            (vec!["pwsh", "-NoProfile", "-Command", "x"], vec![3]),
            (vec!["su", "app", "-c", "x"], vec![3]),
            (vec!["env", "-S", "x"], vec![2]),
            (vec!["env", "A=1", "sh", "-c", "x"], vec![4]),
            (vec!["tar", "-c", "x"], vec![]),
            (vec!["python", "tool.py", "-c", "x"], vec![]),
            (vec!["sh", "run.sh", "-c", "x"], vec![]),
            (vec!["report", "--day", "x"], vec![]),
        ] {
            assert_eq!(code_elements(&argv), code, "{argv:?}");
        }
    }
}
