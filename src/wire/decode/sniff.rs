//! What a text says it is, by the rules of who reads it.
//!
//! cloud-init looks at the first bytes after white space, in lower case, and takes the longest
//! header that fits (`cloudinit/handlers/__init__.py`, `type_from_starts_with`); a message is what
//! has `mime-version:` in its first 4096 bytes (`user_data.py`, `convert_string`).

/// How a part says what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// As its reader wants it.
    Right,
    /// By its content type alone.
    Declared,
    /// It says nothing.
    None,
    /// It should start with `#cloud-config`, but blanks stand within: `# cloud-config`.
    Spaced,
    /// A byte order mark stands before it.
    ByteOrderMark,
    /// It is a message that lacks the line `MIME-Version`.
    NoMimeVersion,
    /// It is plainly a cloud-config, but does not start like one.
    Missing,
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Empty,
    Unknown,
    CloudConfig,
    Archive,
    JsonPatch,
    Script,
    Boothook,
    Include,
    PartHandler,
    PowerShell,
    UpstartJob,
    Multipart,
    Butane,
    Json,
}

pub(super) struct Told<'a> {
    pub(super) header: Header,
    pub(super) jinja: bool,
    pub(super) form: Form,
    /// The text from its header on: after a byte order mark and the line of a template.
    pub(super) body: &'a str,
}

/// The longest first, so that the first that fits is the one that cloud-init takes.
const HEADERS: [(&str, Form); 13] = [
    ("#cloud-config-archive", Form::Archive),
    ("#cloud-config-jsonp", Form::JsonPatch),
    ("#cloud-boothook", Form::Boothook),
    ("#cloud-config", Form::CloudConfig),
    ("#ps1_sysnative", Form::PowerShell),
    ("#part-handler", Form::PartHandler),
    ("#include-once", Form::Include),
    ("<powershell>", Form::PowerShell),
    ("#upstart-job", Form::UpstartJob),
    ("#ps1_x86", Form::PowerShell),
    ("#include", Form::Include),
    ("<script>", Form::PowerShell),
    ("#!", Form::Script),
];

const TYPES: [(&str, Form); 12] = [
    ("text/cloud-config", Form::CloudConfig),
    ("text/cloud-config-archive", Form::Archive),
    ("text/cloud-config-jsonp", Form::JsonPatch),
    ("text/cloud-boothook", Form::Boothook),
    ("text/part-handler", Form::PartHandler),
    ("text/x-include-url", Form::Include),
    ("text/x-include-once-url", Form::Include),
    ("text/x-shellscript-per-boot", Form::Script),
    ("text/x-shellscript-per-instance", Form::Script),
    ("text/x-shellscript-per-once", Form::Script),
    ("text/upstart-job", Form::UpstartJob),
    ("text/x-ps1", Form::PowerShell),
];

const JINJA: &str = "## template: jinja";
const BYTE_ORDER_MARK: char = '\u{feff}';

pub(super) fn sniff<'a>(text: &'a str, declared: Option<&str>) -> Told<'a> {
    let marked = text.starts_with(BYTE_ORDER_MARK);
    let body = text.trim_start_matches(BYTE_ORDER_MARK).trim_start();
    let mut told = told(body, declared);
    if marked && told.form != Form::Unknown {
        told.header = Header::ByteOrderMark;
    }
    told
}

fn told<'a>(body: &'a str, declared: Option<&str>) -> Told<'a> {
    let jinja = starts(body, JINJA) || declared == Some("text/jinja2");
    let body = if starts(body, JINJA) {
        body.split_once('\n')
            .map_or("", |(_, rest)| rest)
            .trim_start()
    } else {
        body
    };
    let (header, form) = form(body, declared);
    Told {
        header,
        jinja,
        form,
        body,
    }
}

fn form(body: &str, declared: Option<&str>) -> (Header, Form) {
    if body.is_empty() {
        return (Header::None, Form::Empty);
    }
    if let Some((_, form)) = TYPES.iter().find(|(name, _)| declared == Some(*name)) {
        return (Header::Declared, *form);
    }
    if declared.is_none_or(|name| name.starts_with("multipart/")) && is_message(body) {
        return (Header::Right, Form::Multipart);
    }
    if let Some((_, form)) = HEADERS.iter().find(|(header, _)| starts(body, header)) {
        return (Header::Right, *form);
    }
    recovered(body)
}

/// Keys by which a cloud-config is known that does not say what it is.
const KEYS: [&str; 8] = [
    "write_files:",
    "runcmd:",
    "bootcmd:",
    "packages:",
    "users:",
    "hostname:",
    "ssh_authorized_keys:",
    "package_update:",
];

/// What it was perhaps meant to be.
fn recovered(body: &str) -> (Header, Form) {
    let first = body.lines().next().unwrap_or_default();
    let joined: String = first.split_whitespace().collect();
    if joined.eq_ignore_ascii_case("#cloud-config") {
        return (Header::Spaced, Form::CloudConfig);
    }
    if body.starts_with(['{', '[', '"']) {
        return (Header::None, Form::Json);
    }
    if body
        .lines()
        .take(20)
        .any(|line| starts(line, "content-type: multipart/"))
    {
        return (Header::NoMimeVersion, Form::Multipart);
    }
    if body.lines().any(|line| line.starts_with("variant:"))
        && ["storage:", "systemd:", "passwd:", "version:"]
            .iter()
            .any(|key| body.lines().any(|line| line.starts_with(key)))
    {
        return (Header::None, Form::Butane);
    }
    if body
        .lines()
        .any(|line| KEYS.iter().any(|key| line.starts_with(key)))
    {
        return (Header::Missing, Form::CloudConfig);
    }
    (Header::None, Form::Unknown)
}

fn is_message(body: &str) -> bool {
    let start = &body.as_bytes()[..body.len().min(4096)];
    let sign = b"mime-version:";
    start
        .windows(sign.len())
        .any(|window| window.eq_ignore_ascii_case(sign))
}

fn starts(text: &str, header: &str) -> bool {
    let start = text.as_bytes().get(..header.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(header.as_bytes()))
}

/// The addresses of an include: every line that is no comment (`user_data.py`, `_do_include`).
pub(super) fn urls(body: &str) -> Vec<String> {
    const MOST: usize = 256;
    let lines = body.lines().map(|line| {
        let line = line.trim();
        let rest = ["#include-once", "#include"].into_iter();
        rest.filter(|header| starts(line, header))
            .map(|header| line[header.len()..].trim())
            .next()
            .unwrap_or(line)
    });
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .take(MOST)
        .collect()
}
