//! What a text says it is, by the rules of who reads it.
//!
//! cloud-init looks at the first bytes after white space, in lower case, and takes the longest
//! header that fits (`cloudinit/handlers/__init__.py`, `type_from_starts_with`); a message is what
//! has `mime-version:` in its first 4096 bytes (`user_data.py`, `convert_string`).

use super::foreign;

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
    /// It is a message, but something stands before its headers, so that it has none.
    MimeLate,
    /// It is plainly a cloud-config, but does not start like one.
    Missing,
}

/// Why cloud-init does not fill in what is plainly meant as a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfilled {
    /// Its first line is not exactly `## template: jinja`: all of it is dropped.
    Spelling,
    /// White space stands before that line: all of it is dropped.
    Late,
    /// It is declared `text/jinja2`, but that line is missing: all of it is dropped.
    NoLine,
    /// It is a form that cloud-init fills in nowhere: all of it is dropped.
    Form,
    /// Its content type says another form: it is taken as it stands.
    Declared,
    /// That line stands below another header: it is a comment there.
    Below,
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
    pub(super) unfilled: Option<Unfilled>,
    /// Whether white space stands before its header.
    pub(super) late: bool,
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

/// How a template begins, in any case (`handlers/jinja_template.py`); nothing else may stand on
/// that line (`templater.py`, `detect_template`).
const JINJA: &str = "## template: jinja";
const BYTE_ORDER_MARK: char = '\u{feff}';
/// The types for which cloud-init looks at the first bytes (`user_data.py`, `_process_msg`).
const UNTYPED: [&str; 3] = ["text/plain", "text/x-not-multipart", "text/x-shellscript"];

pub(super) fn sniff<'a>(text: &'a str, declared: Option<&str>) -> Told<'a> {
    let marked = text.starts_with(BYTE_ORDER_MARK);
    let unmarked = text.trim_start_matches(BYTE_ORDER_MARK);
    let mut told = told(unmarked, declared);
    if told.form == Form::Multipart && told.header == Header::Right && !begins_with_header(text) {
        told.header = Header::MimeLate;
    } else if marked && told.form != Form::Unknown {
        told.header = Header::ByteOrderMark;
    }
    told
}

fn told<'a>(text: &'a str, declared: Option<&str>) -> Told<'a> {
    let body = text.trim_start();
    let (first, rest) = body.split_once('\n').unwrap_or((body, ""));
    if !is_template_line(first) {
        let (header, form) = form(body, declared);
        let is_template = declared == Some("text/jinja2");
        let unfilled = match () {
            () if is_template => Some(Unfilled::NoLine),
            () if is_template_below(body) => Some(Unfilled::Below),
            () => None,
        };
        return Told {
            header,
            jinja: false,
            unfilled,
            late: body.len() < text.len(),
            form,
            body,
        };
    }
    let rendered = rest.trim_start();
    let is_detected = declared.is_none_or(|name| UNTYPED.contains(&name));
    let is_right = match declared {
        Some("text/jinja2") => without_blanks(first) == "##template:jinja",
        _ => first.trim_end().eq_ignore_ascii_case(JINJA),
    };
    let is_template = is_detected || declared == Some("text/jinja2");
    let (header, form) = form(rendered, if is_template { None } else { declared });
    let unfilled = match () {
        () if !is_template => Some(Unfilled::Declared),
        () if !is_right => Some(Unfilled::Spelling),
        () if body.len() < text.len() => Some(Unfilled::Late),
        () if !matches!(
            form,
            Form::CloudConfig | Form::Script | Form::Unknown | Form::Empty
        ) =>
        {
            Some(Unfilled::Form)
        }
        () => None,
    };
    Told {
        header,
        jinja: unfilled.is_none(),
        unfilled,
        late: rendered.len() < rest.len(),
        form,
        body: rendered,
    }
}

/// Whether a text says by its first bytes what it is.
pub(super) fn has_header(text: &str) -> bool {
    let body = text.trim_start();
    starts(body, JINJA) || HEADERS.iter().any(|(header, _)| starts(body, header))
}

fn without_blanks(line: &str) -> String {
    let letters = line.chars().filter(|c| !c.is_whitespace());
    letters.collect::<String>().to_ascii_lowercase()
}

/// Whether a line is meant to say that this is a template, however it is spelt.
fn is_template_line(line: &str) -> bool {
    let joined = without_blanks(&line[..line.floor_char_boundary(80)]);
    let rest = joined.trim_start_matches('#');
    rest.len() < joined.len() && rest.starts_with("template:jinja")
}

/// Whether one of the comments at the top says that this is a template.
fn is_template_below(body: &str) -> bool {
    let comments = body.lines().take_while(|line| line.starts_with('#'));
    comments.skip(1).take(8).any(is_template_line)
}

fn names_multipart(body: &str) -> bool {
    let mut lines = body.lines().take(20);
    lines.any(|line| starts(line, "content-type: multipart/"))
}

/// Whether Python's parser sees a header in the first line (`email/feedparser.py`, `headerRE`).
pub(super) fn begins_with_header(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    let name = line.split_once(':').map_or("", |(name, _)| name);
    let is_name = |byte: u8| (0x21..=0x7e).contains(&byte);
    line.starts_with("From ") || !name.is_empty() && name.bytes().all(is_name)
}

fn form(body: &str, declared: Option<&str>) -> (Header, Form) {
    if body.is_empty() {
        return (Header::None, Form::Empty);
    }
    if let Some((_, form)) = TYPES.iter().find(|(name, _)| declared == Some(*name)) {
        return (Header::Declared, *form);
    }
    let may_be = declared.is_none_or(|name| name.starts_with("multipart/"));
    // Where the words stand in a comment, the message has no headers, and is its own only part.
    if may_be && is_message(body) && (begins_with_header(body) || names_multipart(body)) {
        return (Header::Right, Form::Multipart);
    }
    if let Some((_, form)) = HEADERS.iter().find(|(header, _)| starts(body, header)) {
        return (Header::Right, *form);
    }
    if declared == Some("text/x-shellscript") {
        return (Header::Declared, Form::Script);
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
    if body.starts_with(['{', '[', '"']) && !foreign::is_section(first) {
        return (Header::None, Form::Json);
    }
    if names_multipart(body) {
        return (Header::NoMimeVersion, Form::Multipart);
    }
    if body.lines().any(|line| line.starts_with("variant:"))
        && ["storage:", "systemd:", "passwd:", "version:"]
            .iter()
            .any(|key| body.lines().any(|line| line.starts_with(key)))
    {
        return (Header::None, Form::Butane);
    }
    // A Terraform file or a Secret may well have lines of a cloud-config in it.
    let is_like = |line: &str| KEYS.iter().any(|key| line.starts_with(key));
    if body.lines().any(is_like) && foreign::of_text(body).is_none() {
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
