//! The syntax of JSON, as Mesos's parser has it: what it takes, and what it says of the rest.

use std::borrow::Cow;

use crate::DecodeError;

/// As deep as objects and lists may be nested.
const MAX_DEPTH: usize = 200;

/// The text stops being JSON where the scanner stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Syntax;

/// A value, or the beginning of one.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// An opening brace; see [`Scanner::open_object`].
    Object,
    /// An opening bracket; see [`Scanner::open_array`].
    Array,
    Null,
    Bool(bool),
    Number(Number),
    /// The text, its escapes resolved. Whether it is UTF-8 has not been looked at.
    String(Cow<'a, [u8]>),
}

/// A number as exact as the text has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Signed(i64),
    Unsigned(u64),
    Double(f64),
}

pub(super) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// The words for a syntax error here: what remains of the line, without control characters.
    pub(super) fn syntax_error(&self) -> DecodeError {
        let read = self.text.get(..self.at).unwrap_or_default();
        let line = 1 + read.iter().filter(|byte| **byte == b'\n').count();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let near: Vec<u8> =
            rest.iter().copied().take_while(|byte| *byte != b'\n').filter(|byte| *byte >= b' ').collect();
        DecodeError::Syntax(format!("syntax error at line {line} near: {}", String::from_utf8_lossy(&near)))
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&self) -> Result<(), DecodeError> {
        let rest = self.text.get(self.at..).unwrap_or_default().trim_ascii_end();
        if rest.is_empty() {
            return Ok(());
        }
        let rest = String::from_utf8_lossy(rest);
        Err(DecodeError::Syntax(format!("Parsed JSON included non-whitespace trailing characters: {rest}")))
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Takes this character, after white space, if it is the next one.
    fn take(&mut self, character: u8) -> bool {
        self.skip_whitespace();
        let found = self.peek() == Some(character);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, character: u8) -> Result<(), Syntax> {
        if self.take(character) { Ok(()) } else { Err(Syntax) }
    }

    /// The next value. Of objects and lists only the beginning is read.
    pub(super) fn token(&mut self) -> Result<Token<'a>, Syntax> {
        self.skip_whitespace();
        match self.peek() {
            Some(b'{') => {
                self.at += 1;
                Ok(Token::Object)
            }
            Some(b'[') => {
                self.at += 1;
                Ok(Token::Array)
            }
            Some(b'"') => {
                self.at += 1;
                self.string().map(Token::String)
            }
            Some(b'n') => self.literal(b"null", Token::Null),
            Some(b't') => self.literal(b"true", Token::Bool(true)),
            Some(b'f') => self.literal(b"false", Token::Bool(false)),
            Some(b'0'..=b'9' | b'-') => self.number().map(Token::Number),
            _ => Err(Syntax),
        }
    }

    fn literal(&mut self, word: &[u8], token: Token<'a>) -> Result<Token<'a>, Syntax> {
        for character in word {
            if self.peek() != Some(*character) {
                return Err(Syntax);
            }
            self.at += 1;
        }
        Ok(token)
    }

    fn number(&mut self) -> Result<Number, Syntax> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let length = rest.iter().take_while(|byte| is_part(byte)).count();
        self.at += length;
        let digits = rest.get(..length).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or(Syntax)?;
        if let Ok(signed) = digits.parse() {
            return Ok(Number::Signed(signed));
        }
        if let Ok(unsigned) = digits.parse() {
            return Ok(Number::Unsigned(unsigned));
        }
        digits.parse().map(Number::Double).map_err(|_| Syntax)
    }

    /// After an opening brace: whether a member follows.
    pub(super) fn open_object(&mut self) -> Result<bool, Syntax> {
        self.open(b'}')
    }

    /// After an opening bracket: whether an element follows.
    pub(super) fn open_array(&mut self) -> Result<bool, Syntax> {
        self.open(b']')
    }

    fn open(&mut self, end: u8) -> Result<bool, Syntax> {
        if self.depth >= MAX_DEPTH {
            return Err(Syntax);
        }
        self.depth += 1;
        if self.take(end) {
            self.depth -= 1;
            return Ok(false);
        }
        Ok(true)
    }

    /// After a member of an object: whether another follows.
    pub(super) fn next_member(&mut self) -> Result<bool, Syntax> {
        self.next(b'}')
    }

    /// After an element of a list: whether another follows.
    pub(super) fn next_element(&mut self) -> Result<bool, Syntax> {
        self.next(b']')
    }

    fn next(&mut self, end: u8) -> Result<bool, Syntax> {
        if self.take(b',') {
            return Ok(true);
        }
        self.expect(end)?;
        self.depth = self.depth.saturating_sub(1);
        Ok(false)
    }

    /// A member's name, and its colon.
    pub(super) fn key(&mut self) -> Result<Cow<'a, [u8]>, Syntax> {
        self.expect(b'"')?;
        let key = self.string()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// Reads what is left of a value that nobody wants.
    pub(super) fn skip(&mut self, token: &Token<'a>) -> Result<(), Syntax> {
        match token {
            Token::Object => {
                let mut more = self.open_object()?;
                while more {
                    self.key()?;
                    let token = self.token()?;
                    self.skip(&token)?;
                    more = self.next_member()?;
                }
            }
            Token::Array => {
                let mut more = self.open_array()?;
                while more {
                    let token = self.token()?;
                    self.skip(&token)?;
                    more = self.next_element()?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A string whose opening quotation mark has been read.
    fn string(&mut self) -> Result<Cow<'a, [u8]>, Syntax> {
        let plain = self.plain();
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                Ok(Cow::Borrowed(plain))
            }
            Some(b'\\') => self.escaped_string(plain).map(Cow::Owned),
            _ => Err(Syntax),
        }
    }

    /// What stands for itself, up to a quotation mark, a backslash or a control character.
    fn plain(&mut self) -> &'a [u8] {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length =
            rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' ')).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn escaped_string(&mut self, plain: &[u8]) -> Result<Vec<u8>, Syntax> {
        let mut text = plain.to_vec();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape(&mut text)?;
                }
                _ => return Err(Syntax),
            }
            let plain = self.plain();
            text.extend_from_slice(plain);
        }
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), Syntax> {
        let character = self.peek().ok_or(Syntax)?;
        self.at += 1;
        text.push(match character {
            b'"' | b'\\' | b'/' => character,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let character = self.code_point()?;
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(Syntax),
        });
        Ok(())
    }

    /// Four hexadecimal digits, or twice that for a pair of surrogates.
    fn code_point(&mut self) -> Result<char, Syntax> {
        let first = self.hex()?;
        if !(0xd800..0xe000).contains(&first) {
            return char::from_u32(first).ok_or(Syntax);
        }
        if first >= 0xdc00 {
            return Err(Syntax);
        }
        for character in b"\\u" {
            if self.peek() != Some(*character) {
                return Err(Syntax);
            }
            self.at += 1;
        }
        let second = self.hex()?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err(Syntax);
        }
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or(Syntax)
    }

    fn hex(&mut self) -> Result<u32, Syntax> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16)).ok_or(Syntax)?;
            self.at += 1;
            value = value << 4 | digit;
        }
        Ok(value)
    }
}

/// A text that should be one value, as a number in quotation marks. The error is its reason.
pub(super) fn quoted(text: &[u8]) -> Result<Token<'_>, String> {
    let mut scanner = Scanner::new(text);
    let read = scanner.token().and_then(|token| scanner.skip(&token).map(|()| token));
    let result = match read {
        Ok(token) => scanner.end().map(|()| token),
        Err(Syntax) => Err(scanner.syntax_error()),
    };
    result.map_err(|error| error.reason().to_owned())
}
