//! A page as html5ever reads it, which reads as browsers do.

#![allow(dead_code)] // each test binary uses its own part

use html5ever::TokenizerResult;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use std::cell::RefCell;

/// What stands on a page.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The texts between tags; those of `code` and `span` belong to what is around them.
    pub(crate) texts: Vec<String>,
    /// Each element with its attributes, in the page's order.
    pub(crate) elements: Vec<(String, Vec<(String, String)>)>,
    /// What a browser would have to guess.
    pub(crate) errors: Vec<String>,
}

#[derive(Default)]
struct Sink(RefCell<Page>);

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut page = self.0.borrow_mut();
        match token {
            Token::CharacterTokens(text) => page.texts.last_mut().unwrap().push_str(&text),
            Token::NullCharacterToken => page.errors.push("NUL".to_owned()),
            Token::ParseError(error) => page.errors.push(error.into_owned()),
            Token::TagToken(tag) => return page.tag(&tag),
            Token::DoctypeToken(_) | Token::CommentToken(_) | Token::EOFToken => {}
        }
        TokenSinkResult::Continue
    }
}

impl Page {
    pub(crate) fn read(html: &str) -> Self {
        let sink = Sink::default();
        sink.0.borrow_mut().texts.push(String::new());
        let input = BufferQueue::default();
        input.push_back(StrTendril::from(html));
        let tokenizer = Tokenizer::new(
            sink,
            TokenizerOpts {
                exact_errors: true,
                ..Default::default()
            },
        );
        while !matches!(tokenizer.feed(&input), TokenizerResult::Done) {}
        tokenizer.end();
        tokenizer.sink.0.into_inner()
    }

    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name = tag.name.to_string();
        if !["code", "span"].contains(&name.as_str()) {
            self.texts.push(String::new());
        }
        if tag.kind == TagKind::EndTag {
            return TokenSinkResult::Continue;
        }
        let attributes = tag.attrs.iter();
        let attributes = attributes.map(|one| (one.name.local.to_string(), one.value.to_string()));
        self.elements.push((name.clone(), attributes.collect()));
        match name.as_str() {
            "script" => TokenSinkResult::RawData(RawKind::ScriptData),
            "style" => TokenSinkResult::RawData(RawKind::Rawtext),
            _ => TokenSinkResult::Continue,
        }
    }

    /// Whether this is one of its texts, whole; white space around it does not matter.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.texts.iter().any(|said| said.trim() == text.trim())
    }
}

/// The text of the element behind this mark in its tag; nothing but text is in it.
pub(crate) fn text_behind(html: &str, mark: &str) -> String {
    let (_, rest) = html.split_once(mark).unwrap();
    let (_, rest) = rest.split_once('>').unwrap();
    let (inner, _) = rest.split_once('<').unwrap();
    Page::read(inner).texts.remove(0)
}
