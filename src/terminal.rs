//! The only room that prints. Standard output is data, standard error is talk.

use crate::report::screen;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, BufRead as _, IsTerminal, Read as _, Write};
use std::time::Duration;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// In which form results come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Text for people.
    #[default]
    Human,
    /// One JSON document on standard output.
    Json,
}

/// Where a command's words go.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    colour: Colour,
}

impl Terminal {
    /// A terminal that colours as the user wants it.
    pub fn new(colour: Colour) -> Self {
        Self { colour }
    }

    /// Whether text for standard error should be coloured.
    pub fn colours_errors(self) -> bool {
        match self.colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => {
                let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
                wanted && io::stderr().is_terminal()
            }
        }
    }

    /// Prints data as it is. A reader that went away (`| head`) is no error of ours.
    pub fn data(self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }

    /// Says something; nothing can be done when nobody listens. Keys are hidden, whoever let them
    /// into the text.
    pub fn say(self, text: &str) {
        let text = screen(text, self.colours_errors());
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Whether somebody says yes to a question; nobody does where nobody sits at a terminal.
    pub fn confirms(self, question: &str) -> bool {
        let stdin = io::stdin();
        if !stdin.is_terminal() || !io::stderr().is_terminal() {
            return false;
        }
        self.say(question);
        let mut answer = String::new();
        // Whoever ends the input has not said yes.
        let _ = stdin.lock().take(64).read_line(&mut answer);
        matches!(answer.trim(), "y" | "Y" | "yes" | "Yes" | "YES")
    }

    /// Says that the world failed: `error: …`.
    pub fn fail(self, text: &str) {
        let (on, off) = if self.colours_errors() {
            ("\u{1b}[1m\u{1b}[91m", "\u{1b}[0m")
        } else {
            ("", "")
        };
        self.say(&format!("{on}error{off}: {text}\n"));
    }
}

/// What a person sees of something that takes long: nothing, unless standard error is a terminal.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Begins with a sign of life and what is being done.
    pub fn new(what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_message(screen(what, true));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// How many bytes will come, if that is known; none has come yet.
    pub fn begin(&self, total: Option<u64>) {
        self.0.set_position(0);
        if let Some(total) = total {
            self.0.set_length(total);
            let style = ProgressStyle::with_template(
                "{wide_msg} {bytes}/{total_bytes} {bytes_per_sec} {bar:20}",
            );
            self.0
                .set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        }
    }

    /// Shows how many of so many things are done; none is yet.
    pub fn count(&self, total: usize) {
        self.0.set_length(total as u64);
        let style = ProgressStyle::with_template("{wide_msg} {human_pos}/{human_len} {bar:20}");
        self.0
            .set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    }

    /// One more thing is done.
    pub fn step(&self) {
        self.0.inc(1);
    }

    /// Lets somebody else speak: what is shown is out of the way meanwhile.
    pub fn aside<T>(&self, speak: impl FnOnce() -> T) -> T {
        self.0.suspend(speak)
    }

    /// So many more bytes came.
    pub fn advance(&self, bytes: usize) {
        self.0.inc(bytes as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A few lines that are drawn anew in their place, on standard error.
#[derive(Debug)]
pub struct Board(ProgressBar);

impl Board {
    /// An empty one.
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self(bar)
    }

    /// Whether anybody sees it: standard error is a terminal.
    pub fn is_seen(&self) -> bool {
        !self.0.is_hidden()
    }

    /// Draws these lines in the place of those before.
    pub fn show(&self, lines: &str) {
        self.0.set_message(screen(lines, true));
    }
}

impl Default for Board {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
