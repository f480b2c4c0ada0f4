//! Which words of a unit's command line are etcd's: not those of a container's runtime, of a
//! shell or of a wrapper around it.
//!
//! Words are split as systemd splits them (`systemd.service`, "Command lines", and
//! `systemd.exec`, `Environment=`). To add a wrapper: a row in [`WRAPPERS`].

/// How etcd is started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// What is handed to etcd itself.
    pub arguments: Vec<String>,
    /// Variables that the command line sets for it.
    pub environment: Vec<(String, String)>,
}

/// No command line nests deeper: a shell in a container that is started by another shell.
const DEEPEST: usize = 6;

/// Programs that start another: the flags that take a value, and how many words stand before it.
const WRAPPERS: [(&str, &[&str], usize); 17] = [
    ("sudo", &["-u", "-g", "-h", "-p", "-C", "-r", "-t", "-T"], 0),
    ("doas", &["-u", "-C"], 0),
    ("runuser", &["-u", "-g", "-G"], 0),
    ("setpriv", &["--reuid", "--regid", "--groups"], 0),
    ("gosu", &[], 1),
    ("su-exec", &[], 1),
    ("chpst", &["-u", "-U", "-e", "-n", "-m", "-o"], 0),
    ("nice", &["-n", "--adjustment"], 0),
    ("ionice", &["-c", "-n", "--class", "--classdata"], 0),
    ("chrt", &[], 1),
    ("taskset", &[], 1),
    ("numactl", &[], 0),
    ("timeout", &["-k", "-s", "--kill-after", "--signal"], 1),
    ("stdbuf", &["-i", "-o", "-e"], 0),
    ("nohup", &[], 0),
    ("exec", &["-a"], 0),
    ("tini", &["-e", "-p"], 0),
];

/// Flags of `docker run`, `podman run` and `ctr run` that take no value; all others take one.
const SWITCHES: [&str; 33] = [
    "--detach",
    "--disable-content-trust",
    "--env-host",
    "--help",
    "--http-proxy",
    "--init",
    "--interactive",
    "--net-host",
    "--no-healthcheck",
    "--no-hostname",
    "--no-hosts",
    "--no-pivot",
    "--null-io",
    "--oom-kill-disable",
    "--passwd",
    "--privileged",
    "--publish-all",
    "--quiet",
    "--read-only",
    "--read-only-tmpfs",
    "--replace",
    "--rm",
    "--rmi",
    "--rootfs",
    "--sig-proxy",
    "--tls-verify",
    "--tty",
    "--unsetenv-all",
    "--debug",
    "--tls",
    "--tlsverify",
    "--remote",
    "--version",
];

/// How a command line starts etcd, if it does.
pub(super) fn etcd(words: &[String]) -> Option<Run> {
    run(words, DEEPEST)
}

fn run(words: &[String], depth: usize) -> Option<Run> {
    let depth = depth.checked_sub(1)?;
    let (first, rest) = words.split_first()?;
    // systemd's own marks: `-/usr/bin/etcd`, `!!/usr/bin/etcd`.
    let program = first.trim_start_matches(['@', '-', ':', '+', '!', '|']);
    let name = program.rsplit('/').next().unwrap_or_default();
    match name {
        "etcd" => Some(Run {
            arguments: rest.to_vec(),
            environment: Vec::new(),
        }),
        "docker" | "podman" | "nerdctl" | "finch" => container(rest, 1, depth),
        "ctr" => container(rest, 2, depth),
        "rkt" => {
            let end = rest.iter().position(|word| word == "--")?;
            let image = rest[..end].iter().any(|word| word.contains("etcd"));
            image.then(|| Run {
                arguments: rest[end + 1..].to_vec(),
                environment: Vec::new(),
            })
        }
        "sh" | "bash" | "dash" | "ash" | "busybox" => {
            let is_command = |word: &String| {
                word.starts_with('-') && !word.starts_with("--") && word.contains('c')
            };
            let at = rest.iter().position(is_command)?;
            let commands = commands(rest.get(at + 1)?);
            commands.iter().find_map(|words| run(words, depth))
        }
        "env" => environment(rest, &["-u", "-C", "--unset", "--chdir"], 0, depth),
        _ if is_assignment(first) => environment(words, &[], 0, depth),
        _ => {
            let (_, valued, before) = WRAPPERS.iter().find(|(wrapper, ..)| *wrapper == name)?;
            environment(rest, valued, *before, depth)
        }
    }
}

fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(is_name)
}

/// What stands behind flags, so many words, and variables that are set.
fn environment(words: &[String], valued: &[&str], before: usize, depth: usize) -> Option<Run> {
    let mut rest = behind_flags(words, |flag| valued.contains(&flag));
    rest = rest.get(before..)?;
    let mut set = Vec::new();
    while let Some((word, after)) = rest.split_first().filter(|(word, _)| is_assignment(word)) {
        set.extend(pair(word));
        rest = after;
    }
    let mut run = run(rest, depth)?;
    set.append(&mut run.environment);
    run.environment = set;
    Some(run)
}

fn pair(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    Some((name.to_owned(), value.to_owned()))
}

/// The words behind the flags; `takes_value` tells whether the next word belongs to a flag.
fn behind_flags(mut words: &[String], takes_value: impl Fn(&str) -> bool) -> &[String] {
    while let Some((word, rest)) = words.split_first() {
        if word == "--" {
            return rest;
        }
        if !word.starts_with('-') || word == "-" {
            break;
        }
        let skipped = usize::from(takes_value(word) && !rest.is_empty());
        words = &rest[skipped..];
    }
    words
}

/// Whether the next word belongs to a flag of a container's runtime.
fn takes_value(flag: &str) -> bool {
    if flag.starts_with("--") {
        return !flag.contains('=') && !SWITCHES.contains(&flag);
    }
    // `-it` are switches; `-p2380:2380` has its value with it, `-e` takes the next word.
    let mut letters = flag.chars().skip(1).skip_while(|c| "ditPq".contains(*c));
    letters.next().is_some() && letters.next().is_none()
}

/// `run FLAGS IMAGE …`, where so many words name image and container.
fn container(words: &[String], names: usize, depth: usize) -> Option<Run> {
    let mut rest = behind_flags(words, takes_value);
    if rest.first().is_some_and(|word| word == "container") {
        rest = &rest[1..];
    }
    let (verb, rest) = rest.split_first()?;
    if verb != "run" && verb != "create" {
        return None;
    }
    let behind = behind_flags(rest, takes_value);
    let own = &rest[..rest.len() - behind.len()];
    let image = behind.first()?;
    let command = behind.get(names..)?;
    let entry = value_of(own, &["--entrypoint"]).next();
    let is_etcd = |name: &str| {
        let name = name.rsplit('/').next().unwrap_or_default();
        name.split(['-', ':', '@', '.']).any(|word| word == "etcd")
    };
    let mut run = match command.first() {
        Some(word) if !word.starts_with('-') && entry.is_none() => self::run(command, depth)?,
        _ if is_etcd(entry.unwrap_or(image)) => Run {
            arguments: command.to_vec(),
            environment: Vec::new(),
        },
        _ => return None,
    };
    let mut set: Vec<_> = value_of(own, &["-e", "--env"]).filter_map(pair).collect();
    set.append(&mut run.environment);
    run.environment = set;
    Some(run)
}

/// The values of a flag: `-e X`, `--env X`, `--env=X`.
fn value_of<'a>(words: &'a [String], names: &'a [&str]) -> impl Iterator<Item = &'a str> {
    words.iter().enumerate().filter_map(move |(at, word)| {
        if names.contains(&word.as_str()) {
            return words.get(at + 1).map(String::as_str);
        }
        let (name, value) = word.split_once('=')?;
        names.contains(&name).then_some(value)
    })
}

/// The words of one line, as systemd splits and unquotes them.
pub(super) fn systemd_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, quote) {
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            ('\\', _) => escape(word.get_or_insert_default(), &mut rest),
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            ('%', _) => {
                // `%%` is a percent sign; other specifiers stay as they are written.
                rest.next_if_eq(&'%');
                word.get_or_insert_default().push('%');
            }
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

fn escape(word: &mut String, rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    let Some(c) = rest.next() else {
        return word.push('\\');
    };
    let digits = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>, most: usize, radix: u32| {
        let mut code = 0;
        for _ in 0..most {
            let Some(digit) = rest.peek().and_then(|c| c.to_digit(radix)) else {
                break;
            };
            code = code * radix + digit;
            rest.next();
        }
        char::from_u32(code)
    };
    let plain = match c {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        's' => ' ',
        'x' => digits(rest, 2, 16).unwrap_or('x'),
        'u' => digits(rest, 4, 16).unwrap_or('u'),
        'U' => digits(rest, 8, 16).unwrap_or('U'),
        other => other,
    };
    word.push(plain);
}

/// The commands of a shell's line, each as its words; what the shell fills in stays as written.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match (c, quote) {
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            ('\\', None | Some('"')) => match rest.next() {
                Some('\n') | None => {}
                Some(c) => word.get_or_insert_default().push(c),
            },
            ('$', _) if rest.as_str().starts_with('(') => {
                let word = word.get_or_insert_default();
                word.push('$');
                word.push_str(substitution(&mut rest));
            }
            (';' | '&' | '|' | '\n' | '(' | ')', None) => {
                commands
                    .last_mut()
                    .unwrap_or(&mut Vec::new())
                    .extend(word.take());
                commands.push(Vec::new());
            }
            (c, None) if c.is_whitespace() => {
                commands
                    .last_mut()
                    .unwrap_or(&mut Vec::new())
                    .extend(word.take());
            }
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    commands.last_mut().unwrap_or(&mut Vec::new()).extend(word);
    commands
}

/// The parentheses that follow, to the one that closes the first.
fn substitution<'a>(rest: &mut std::str::Chars<'a>) -> &'a str {
    let text = rest.as_str();
    let mut open = 0_usize;
    for c in rest.by_ref() {
        match c {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            break;
        }
    }
    &text[..text.len() - rest.as_str().len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Option<String> {
        etcd(&systemd_words(line)).map(|run| run.arguments.join(" "))
    }

    #[test]
    fn what_is_etcds_is_told_from_what_is_not() {
        for line in [
            "/usr/local/bin/etcd --name a",
            "-/usr/bin/etcd --name a",
            "/usr/bin/env ETCD_X=1 etcd --name a",
            "/usr/bin/sudo -u etcd /usr/bin/etcd --name a",
            "/bin/sh -c 'exec /usr/bin/etcd --name a'",
            "/bin/bash -ec \"mkdir -p /var/lib/etcd && etcd --name a\"",
            "/usr/bin/docker run -p 2380:2380 --rm --name etcd -v /var/lib/etcd:/etcd quay.io/coreos/etcd:v3.3.9 etcd --name a",
            "/usr/bin/docker run -it -e A=b -p2379:2379 --net=host gcr.io/etcd-development/etcd:v3.5.9 /usr/local/bin/etcd --name a",
            "docker --config /root/.docker run --rm quay.io/coreos/etcd:v3.3.9 --name a",
            "docker container run -dit --entrypoint /usr/local/bin/etcd registry/x --name a",
            "/usr/bin/podman run --replace --cgroups=no-conmon -d --sdnotify conmon --name etcd docker.io/bitnami/etcd:3.5 etcd --name a",
            "nerdctl --namespace k8s.io run --network host --rm image sh -c 'etcd --name a'",
            "ctr -n system run --net-host --rm quay.io/coreos/etcd:v3.5.9 etcd etcd --name a",
            "/usr/bin/rkt run --net=host quay.io/coreos/etcd:v3.3.9 -- --name a",
            "/usr/bin/nice -n 5 etcd --name a",
        ] {
            assert_eq!(arguments(line).as_deref(), Some("--name a"), "{line}");
        }
        for line in [
            "/usr/bin/docker stop etcd",
            "/usr/bin/docker rm -f etcd",
            "/usr/bin/docker run --name etcd redis --port 1",
            "/usr/bin/docker exec etcd etcdctl --endpoints x",
            "/usr/bin/docker run -v /etc/etcd:/etc/etcd busybox ls /etc/etcd",
            "/usr/bin/crictl start etcd",
            "/usr/bin/chown etcd /var/lib/etcd",
            "/usr/local/bin/etcdctl --name a",
            "/bin/sh -c 'chown etcd /var/lib/etcd'",
        ] {
            assert_eq!(arguments(line), None, "{line}");
        }
    }

    #[test]
    fn variables_on_the_command_line_are_etcds_too() {
        let line =
            "docker run -e ETCD_NAME=a --env=ETCD_DATA_DIR=/d x/etcd:1 env ETCD_DEBUG=1 etcd";
        let run = etcd(&systemd_words(line)).unwrap();
        let names: Vec<_> = run
            .environment
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["ETCD_NAME", "ETCD_DATA_DIR", "ETCD_DEBUG"]);
    }

    /// As `systemd.exec` has it under `Environment=`, and systemd 252 does it.
    #[test]
    fn words_are_split_as_systemd_splits_them() {
        for (line, words) in [
            (
                r#""VAR1=word1 word2" VAR2=word3 "VAR3=$word 5 6""#,
                &["VAR1=word1 word2", "VAR2=word3", "VAR3=$word 5 6"][..],
            ),
            (r#"A="b c"d 'e f'"#, &["A=b cd", "e f"]),
            (r"A=b\x20c D=\s\t", &["A=b c", "D= \t"]),
            (r#""A=\"b\"" C=50%%"#, &["A=\"b\"", "C=50%"]),
            ("", &[]),
            ("''", &[""]),
        ] {
            assert_eq!(systemd_words(line), words, "{line}");
        }
    }
}
