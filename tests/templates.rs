//! What templates put out unescaped, counted: each place is safe for a reason of its own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

/// The template, and how often it says `|safe`.
const UNESCAPED: [(&str, usize); 2] = [
    // Literal blocks, base64 and what `wire::UserConfig` wrote, read back before anybody gets them.
    ("cloud-config.yaml", 7),
    // Quoted here-documents, whose end the text does not have, and base64; read back likewise.
    ("startup-script.sh", 2),
];

/// The source file, and how often it says `Safe(`: what it makes is shell already.
const MADE_BY_HAND: [(&str, usize); 1] = [
    // Words that `ShellWord` has escaped, names of variables, and our own words around them.
    ("launch.rs", 7),
];

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let (dirs, mut found): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    found.extend(dirs.iter().flat_map(|dir| files(dir)));
    found
}

fn count(dir: &str, word: &str, allowed: &[(&str, usize)]) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let mut seen = 0;
    for path in files(&dir) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let found = fs::read_to_string(&path).unwrap().matches(word).count();
        let allowed = allowed.iter().find(|(file, _)| *file == name);
        assert!(
            found <= allowed.map_or(0, |(_, count)| *count),
            "{found} of `{word}` in {name}"
        );
        seen += found;
    }
    let expected: usize = allowed.iter().map(|(_, count)| count).sum();
    assert_eq!(seen, expected, "`{word}` in {}", dir.display());
}

#[test]
fn nothing_else_is_put_out_unescaped() {
    count("templates", "|safe", &UNESCAPED);
    count("src", "Safe(", &MADE_BY_HAND);
}

/// What a machine runs must be readable at three in the morning, all of it.
#[test]
fn what_the_machine_runs_stays_under_600_lines() {
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let is_shell = |path: &PathBuf| {
        // What is further below runs elsewhere: where machines are launched or images baked.
        path.parent() == Some(templates.as_path())
            && path.extension().is_none_or(|extension| extension == "sh")
    };
    let scripts: Vec<_> = files(&templates).into_iter().filter(is_shell).collect();
    let lines = |path: &PathBuf| fs::read_to_string(path).unwrap().lines().count();
    let all: usize = scripts.iter().map(lines).sum();
    assert_eq!(scripts.len(), 6, "{scripts:?}");
    assert!(all < 600, "{all} lines in {scripts:?}");
}

/// The shell that is sent to machines, baked into images, or run where machines are launched.
fn shell() -> Vec<(String, String)> {
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let is_shell = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_none_or(|extension| extension == "sh")
            && !path.starts_with(templates.join("init"))
    };
    let found = files(&templates).into_iter().filter(is_shell);
    found
        .map(|path| {
            let name = path.strip_prefix(&templates).unwrap().display().to_string();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

/// Commands as the shell reads them: a line that goes on is one with the next, comments are none.
fn commands(script: &str) -> Vec<String> {
    let mut commands = vec![String::new()];
    for line in script.lines() {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        let code = line.split(" # ").next().unwrap().trim_end();
        let goes_on = ["\\", "|", "&&", "||"]
            .iter()
            .any(|end| code.ends_with(end));
        let last = commands.last_mut().unwrap();
        last.push_str(code.trim_end_matches('\\'));
        last.push(' ');
        if !goes_on {
            commands.push(String::new());
        }
    }
    commands
}

/// The arguments behind each place where a command of this name stands.
fn calls<'a>(command: &'a str, name: &str) -> Vec<&'a str> {
    let before = |at: usize| command[..at].trim_end().chars().next_back();
    let starts = |at: &usize| {
        let own = command[..*at].chars().next_back();
        let is_word = own.is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '!' | '{' | '`'));
        is_word
            && (before(*at).is_none_or(|c| "(){!|&;`".contains(c))
                || ["if", "then", "do", "else", "while", "until", "exec"]
                    .iter()
                    .any(|word| command[..*at].trim_end().ends_with(word)))
    };
    let found = command.match_indices(name).map(|(at, _)| at).filter(starts);
    found
        .map(|at| &command[at + name.len()..])
        .filter(|rest| rest.starts_with([' ', '\t']))
        .collect()
}

/// Why this script lets foreign text do more than it may.
fn faults(script: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for command in commands(script) {
        let mut fault = |why: &str| faults.push(format!("{why}: {}", command.trim()));
        for rest in calls(&command, "echo") {
            // dash expands backslashes in it, and each shell takes options from it.
            if rest
                .split([';', '|', '&', ')'])
                .next()
                .unwrap()
                .contains('$')
            {
                fault("`echo` of a variable: printf '%s\\n'");
            }
        }
        for rest in calls(&command, "printf") {
            let format = rest.trim_start();
            if format.starts_with('"') && format[1..].split('"').next().unwrap().contains('$')
                || format.starts_with('$')
            {
                fault("a variable as format: printf '%s'");
            }
        }
        for rest in calls(&command, "curl") {
            let rest = rest.split("$(").next().unwrap();
            let words: Vec<_> = rest.split_whitespace().collect();
            let is_short = |word: &&str, letter: char| {
                word.starts_with('-') && !word.starts_with("--") && word.ends_with(letter)
            };
            if !words
                .iter()
                .any(|word| is_short(word, 'm') || *word == "--max-time")
            {
                fault("curl without a limit of time: -m");
            }
            let to_file = words.iter().position(|word| is_short(word, 'o'));
            let to_file = to_file.map(|at| words.get(at + 1).copied().unwrap_or_default());
            let bounded = match to_file {
                Some("/dev/null") => true,
                Some(_) => script.contains("ulimit -f "),
                None => rest.contains("head -c ") || command.contains("| head -c "),
            };
            if !bounded {
                fault("curl without a limit of size: -o /dev/null, ulimit -f, head -c");
            }
        }
        if !calls(&command, "wget").is_empty() || !calls(&command, "eval").is_empty() {
            fault("neither wget nor eval");
        }
    }
    faults
}

/// What peers, mirrors and clouds say is text, and bounded.
#[test]
fn foreign_text_is_printed_as_it_is_and_read_within_limits() {
    let scripts = shell();
    assert!(scripts.len() > 15, "{scripts:?}");
    let mut found = String::new();
    for (name, script) in &scripts {
        for fault in faults(script) {
            found = format!("{found}{name}: {fault}\n");
        }
    }
    assert_eq!(found, "");
    // All output of bootstrap goes through one function, and so does the file for programs.
    let bootstrap = &scripts
        .iter()
        .find(|(name, _)| name == "bootstrap")
        .unwrap()
        .1;
    assert!(bootstrap.contains("tr -cs '[:print:]' ' ' | cut -c 1-"));
    assert_eq!(bootstrap.matches("printf 'firstboot: ").count(), 1);
    assert!(bootstrap.contains("\"reason\":\"$(one_line "));
}

#[test]
fn what_goes_around_is_found() {
    for (bad, why) in [
        ("echo \"$name\"", "`echo`"),
        ("x=$(echo \"$answer\" | sed q)", "`echo`"),
        ("echo a && echo \"${b%c}\" >f", "`echo`"),
        ("  ! echo $x |\n    grep -q y", "`echo`"),
        ("printf \"$x\"", "format"),
        ("printf $x y", "format"),
        ("curl -o /dev/null \"$url\"", "time"),
        ("answer=$(curl -sm 3 \"$url\")", "size"),
        ("curl -sm 3 -o file \"$url\"", "size"),
        (
            "if ! error=$(curl -fsSL \\\n  -o /dev/null x); then",
            "time",
        ),
        ("wget x", "wget"),
        ("eval \"$x\"", "eval"),
    ] {
        let found = faults(bad);
        assert!(
            found.iter().any(|fault| fault.contains(why)),
            "{bad}: {found:?}"
        );
    }
    for good in [
        "echo fixed words",
        "# echo $x",
        "printf '%s\\n' \"$x\" | tr a b",
        "printf %x \"$x\"",
        "for tool in curl tar; do",
        "x=$(curl --http1.1 -sSm 2 -o /dev/null \"$url\" 2>&1)",
        "x=$(curl -sSfm 3 --max-filesize 9 \"$@\" \\\n  2>&1 | head -c 9)",
        "ulimit -f 9\ncurl -m 3 -o file x",
    ] {
        assert_eq!(faults(good), Vec::<String>::new(), "{good}");
    }
}

proptest::proptest! {
    /// A name or an answer, whatever it is, is one line of printable text in each shell.
    #[test]
    fn one_line_is_one_line(text in "([\\x01-\\x7f]|\\PC|\\\\[ncx0]){0,60}") {
        let bootstrap = shell().into_iter().find(|(name, _)| name == "bootstrap").unwrap().1;
        let one_line = bootstrap.lines().find(|line| line.starts_with("one_line() ")).unwrap();
        for shell in [&["dash"][..], &["bash"], &["busybox", "sh"]] {
            let script = format!("{one_line}\none_line \"$1\"");
            let output = std::process::Command::new(shell[0])
                .args(&shell[1..])
                .args(["-c", &script, "sh", &text])
                .env("LC_ALL", "C")
                .output()
                .unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            let plain = text.bytes().map(|byte| if (b' '..=b'~').contains(&byte) { byte as char } else { ' ' });
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            proptest::prop_assert_eq!(words(&said), words(&plain.collect::<String>()), "{:?}", shell);
            proptest::prop_assert!(said.matches('\n').count() <= 1);
        }
    }
}
