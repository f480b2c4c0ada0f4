//! A client of the Language Server Protocol, as an editor is one: over standard input and output.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// No answer takes so long.
const PATIENCE: Duration = Duration::from_mins(10);

/// A running server; it ends with this.
pub(crate) struct Server {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    root: String,
    asked: u64,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts the server that `FIRSTBOOT_TEST_YAML_LS` names, for documents in this directory.
    pub(crate) fn start(root: &Path) -> Self {
        let program = std::env::var_os("FIRSTBOOT_TEST_YAML_LS")
            .expect("FIRSTBOOT_TEST_YAML_LS names yaml-language-server: `make test` installs it");
        let mut child = Command::new(program)
            .arg("--stdio")
            .current_dir(root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, messages) = channel();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut server = Self {
            input: child.stdin.take().unwrap(),
            child,
            messages,
            root: format!("file://{}", root.display()),
            asked: 0,
        };
        server.ask(
            "initialize",
            &json!({
                "processId": null,
                "rootUri": server.root,
                "capabilities": { "workspace": { "configuration": true } },
            }),
        );
        server.tell("initialized", &json!({}));
        server
    }

    /// Opens a document and returns what is marked in it: lines from 1, with the messages.
    pub(crate) fn marks(&mut self, name: &str, text: &str) -> Vec<(usize, String)> {
        let uri = format!("{}/{name}", self.root);
        let document = json!({ "uri": uri, "languageId": "yaml", "version": 1, "text": text });
        self.tell("textDocument/didOpen", &json!({ "textDocument": document }));
        let marked = self.until(|message| {
            message["method"] == "textDocument/publishDiagnostics"
                && message["params"]["uri"] == uri
        });
        let marks = marked["params"]["diagnostics"].as_array().unwrap().iter();
        marks
            .map(|mark| {
                let line = mark["range"]["start"]["line"].as_u64().unwrap();
                let said = mark["message"].as_str().unwrap().to_owned();
                (usize::try_from(line).unwrap() + 1, said)
            })
            .collect()
    }

    /// What is told of the key at the start of a line.
    pub(crate) fn hover(&mut self, name: &str, line: usize) -> String {
        let uri = format!("{}/{name}", self.root);
        let position = json!({ "line": line - 1, "character": 2 });
        let told = self.ask(
            "textDocument/hover",
            &json!({ "textDocument": { "uri": uri }, "position": position }),
        );
        told["contents"]["value"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let answer = self.until(|message| message["id"] == id && message["method"].is_null());
        answer["result"].clone()
    }

    fn tell(&mut self, method: &str, params: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.input.flush().unwrap();
    }

    /// The first message that is wanted; what the server asks meanwhile is answered.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self
                .messages
                .recv_timeout(PATIENCE)
                .expect("the server answers");
            if wanted(&message) {
                return message;
            }
            if let (Some(method), false) = (message["method"].as_str(), message["id"].is_null()) {
                let result = match method {
                    "workspace/configuration" => configuration(&message["params"]["items"]),
                    _ => Value::Null,
                };
                self.send(&json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }));
            }
        }
    }
}

/// No schema comes from elsewhere: what is marked follows from the file that the document names.
fn configuration(items: &Value) -> Value {
    let of = |item: &Value| match item["section"].as_str() {
        Some("yaml") => json!({
            "validate": true,
            "hover": true,
            "schemaStore": { "enable": false },
            "kubernetesCRDStore": { "enable": false },
        }),
        _ => json!({}),
    };
    items.as_array().into_iter().flatten().map(of).collect()
}

fn read(output: &mut BufReader<ChildStdout>) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some(("Content-Length", value)) => length = value.parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
