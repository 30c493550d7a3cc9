//! The tokens of a line.

use std::{iter::Peekable, str::Chars};

use super::{parse::Error, pattern::Pattern};

/// The characters that end a word.
const ENDS: [char; 7] = [' ', '\t', '=', '"', '[', ']', ','];

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Equals,
    /// A word without quotes.
    Word(String),
    /// A text, a pattern or an array.
    Quoted(Pattern),
}

/// Returns the tokens of a line, each with its column from 1.
pub(super) fn tokens(line: &str) -> Result<Vec<(usize, Token)>, Error> {
    let mut reader = Reader {
        chars: line.chars().peekable(),
        column: 1,
    };
    let mut tokens = Vec::new();
    while let Some(next) = reader.peek() {
        let column = reader.column;
        match next {
            ' ' | '\t' => {
                reader.next();
            }
            '=' => {
                reader.next();
                tokens.push((column, Token::Equals));
            }
            _ => tokens.push((column, reader.token()?)),
        }
    }
    Ok(tokens)
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    column: usize,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<char> {
        self.chars.peek().copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.chars.next()?;
        self.column += 1;
        Some(next)
    }

    fn error<T>(&self, column: usize, message: impl Into<String>) -> Result<T, Error> {
        Err(Error {
            line: 0,
            column,
            message: message.into(),
        })
    }

    fn token(&mut self) -> Result<Token, Error> {
        let column = self.column;
        match self.peek() {
            Some('"') => {
                let mut pieces = self.text(false)?;
                Ok(Token::Quoted(Pattern::Text(
                    pieces.pop().unwrap_or_default(),
                )))
            }
            Some('[') => self.array(),
            Some(stray @ (']' | ',')) => {
                self.error(column, format!("`{stray}` outside of an array"))
            }
            _ => {
                let word = self.word();
                if word == "~" && self.peek() == Some('"') {
                    return Ok(Token::Quoted(Pattern::Like(self.text(true)?)));
                }
                Ok(Token::Word(word))
            }
        }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(next) = self.peek().filter(|next| !ENDS.contains(next)) {
            word.push(next);
            self.next();
        }
        word
    }

    /// Reads a text in quotes. If `stars`, each star stands for any text, and the text is split
    /// there.
    fn text(&mut self, stars: bool) -> Result<Vec<String>, Error> {
        let start = self.column;
        self.next();
        let (mut pieces, mut piece) = (Vec::new(), String::new());
        loop {
            let column = self.column;
            match self.next() {
                None => return self.error(start, "text has no end"),
                Some('"') => break,
                Some('*') if stars => pieces.push(std::mem::take(&mut piece)),
                Some('\\') => match self.escape(stars) {
                    Some(meant) => piece.push(meant),
                    None => return self.error(column, "unknown escape"),
                },
                Some(other) => piece.push(other),
            }
        }
        pieces.push(piece);
        Ok(pieces)
    }

    /// Reads one of the escapes of Rust's literals.
    fn escape(&mut self, stars: bool) -> Option<char> {
        Some(match self.next()? {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '0' => '\0',
            '*' if stars => '*',
            same @ ('\\' | '"' | '\'') => same,
            'u' if self.next() == Some('{') => {
                let mut digits = String::new();
                loop {
                    match self.next()? {
                        '}' => break,
                        digit => digits.push(digit),
                    }
                }
                char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
            }
            _ => return None,
        })
    }

    fn array(&mut self) -> Result<Token, Error> {
        let start = self.column;
        self.next();
        let mut values = Vec::new();
        loop {
            self.spaces();
            if self.peek() == Some(']') && values.is_empty() {
                break;
            }
            let column = self.column;
            if !self
                .peek()
                .is_some_and(|next| next == '"' || !ENDS.contains(&next))
            {
                return self.error(column, "an array has values with commas between them");
            }
            values.push(match self.token()? {
                Token::Quoted(text @ Pattern::Text(_)) => text,
                Token::Word(word) => match Pattern::literal(&word) {
                    Some(literal) => literal,
                    None => return self.error(column, format!("`{word}` is not a value")),
                },
                _ => return self.error(column, "an array cannot contain a pattern"),
            });
            self.spaces();
            match self.peek() {
                Some(',') => {
                    self.next();
                }
                Some(']') => break,
                _ => return self.error(start, "array has no end"),
            }
        }
        self.next();
        Ok(Token::Quoted(Pattern::array(&values)))
    }

    fn spaces(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t')) {
            self.next();
        }
    }
}
