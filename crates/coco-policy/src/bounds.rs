//! Refuses a policy that would hang an engine or overflow its stack. Not whether it is a good policy.
//!
//! Both engines parse `[` and `{` by trying one reading after the other, so that every level doubles the
//! work: 14 levels take 10 ms, 30 would take ten minutes, and a guest would never come up. Both descend
//! one call for every `-`, operator and field of an expression, until the stack ends. The older engine has
//! no limit of depth at all, and panics over text that is no token and over faults in very long lines. So
//! the tokens are weighed before either engine sees them.

use std::num::NonZeroU32;

use regorus::unstable::{Lexer, Source, Token, TokenKind};

use crate::{PolicyError, policy};

/// Deepest nesting of brackets: the newer engine's own limit (`DEFAULT_MAX_EXPR_DEPTH` of its parser).
const MAX_DEPTH: usize = 32;
/// Most work: tokens, each counted as often as an engine may read it. So much a policy may have in any case:
/// 20 levels of one token, or 6 of 10 000; an engine takes 0.1 s for it, a debug build 3 s.
const WORK_FREE: u64 = 1 << 22;
/// And so much for each token, so that the time stays in proportion to the length: the data of generated
/// policies are nested seven levels deep, and come to 70.
const WORK_PER_TOKEN: u64 = 1 << 8;
/// Most tokens that may be nested in each other. In a debug build and 2 MiB of stack, the newer engine ends
/// at 534 (`- - - 1`), the older one at 578; chains of operators and fields take 5000 tokens and more.
const MAX_NESTED: usize = 256;
/// Most expressions outside of brackets, of which a rule has one to three. The engines compare rules with
/// rules: 40 000 take a quarter of a minute, 190 000 more than a minute, 5000 no time to speak of.
const MAX_STATEMENTS: usize = 1 << 14;
/// No limit of the lexer's own: lines have been measured before.
const ANY_COLUMN: NonZeroU32 = NonZeroU32::MAX;

/// Weighs the tokens of a policy.
pub(crate) fn check(name: &str, source: &Source) -> Result<(), PolicyError> {
    let longest = source.contents().lines().map(|line| line.chars().count()).max().unwrap_or(0);
    let columns = usize::try_from(policy::MAX_COLUMNS.get()).unwrap_or(usize::MAX);
    if longest > columns {
        let unit = "columns in a line";
        return Err(PolicyError::TooLong { name: name.to_owned(), unit, got: longest, limit: columns });
    }
    let mut scale = Scale::default();
    let mut lexer = lexer(source);
    loop {
        let token = lexer.next_token().map_err(|error| policy::refusal(name, &error.to_string()))?;
        if token.0 == TokenKind::Eof {
            return Ok(());
        }
        if let Some((what, limit)) = scale.add(&token) {
            let (name, line, column) = (name.to_owned(), token.1.line, token.1.col);
            return Err(PolicyError::TooComplex { name, line, column, what, limit });
        }
    }
}

/// The tokens of a policy, up to the first that is none.
pub(crate) fn tokens(source: &Source) -> impl Iterator<Item = Token> {
    let mut lexer = lexer(source);
    std::iter::from_fn(move || lexer.next_token().ok().filter(|Token(kind, _)| *kind != TokenKind::Eof))
}

fn lexer(source: &Source) -> Lexer<'_> {
    let mut lexer = Lexer::new(source);
    lexer.set_max_col(ANY_COLUMN);
    lexer
}

/// What has been weighed so far.
struct Scale {
    /// What the tokens are in: the policy itself, and every open bracket.
    levels: Vec<Level>,
    doublings: u32,
    work: u64,
    tokens: u64,
    statements: usize,
    last_ends_a_term: bool,
}

/// One level of nesting.
#[derive(Default)]
struct Level {
    is_doubling: bool,
    /// Tokens of the expression at hand, with the deepest of what is in its brackets.
    nested: usize,
    /// The most of all expressions before.
    deepest: usize,
}

impl Level {
    fn end_expression(&mut self) {
        self.deepest = self.deepest.max(self.nested);
        self.nested = 0;
    }
}

impl Default for Scale {
    fn default() -> Scale {
        Scale {
            levels: vec![Level::default()],
            doublings: 0,
            work: 0,
            tokens: 0,
            statements: 0,
            last_ends_a_term: false,
        }
    }
}

impl Scale {
    /// Adds a token; tells which limit it breaks, and the limit.
    fn add(&mut self, Token(kind, span): &Token) -> Option<(&'static str, u64)> {
        let text = span.text();
        let is_symbol = *kind == TokenKind::Symbol;
        let begins_a_term = !is_symbol && text != "in";
        // No expression has two terms in a row: the second begins another.
        let parts = is_symbol && matches!(text, "," | ";" | ":=") || self.last_ends_a_term && begins_a_term;
        self.last_ends_a_term = if is_symbol { matches!(text, ")" | "]" | "}") } else { text != "in" };
        match text {
            "(" if is_symbol => self.open(false),
            "[" | "{" if is_symbol => self.open(true),
            ")" | "]" | "}" if is_symbol => self.close(),
            _ => {}
        }
        if parts && self.levels.len() == 1 {
            self.statements = self.statements.saturating_add(1);
        }
        if let Some(level) = self.levels.last_mut() {
            if parts {
                level.end_expression();
            }
            level.nested = level.nested.saturating_add(1);
        }
        self.tokens = self.tokens.saturating_add(1);
        self.work = self.work.saturating_add(1_u64.checked_shl(self.doublings).unwrap_or(u64::MAX));
        self.excess()
    }

    fn excess(&self) -> Option<(&'static str, u64)> {
        let limit = |limit: usize| u64::try_from(limit).unwrap_or(u64::MAX);
        let work_max = WORK_FREE.saturating_add(self.tokens.saturating_mul(WORK_PER_TOKEN));
        if self.levels.len() > MAX_DEPTH + 1 {
            Some(("nested brackets", limit(MAX_DEPTH)))
        } else if self.work > work_max {
            Some(("readings of its tokens", work_max))
        } else if self.levels.iter().map(|level| level.nested).sum::<usize>() > MAX_NESTED {
            Some(("tokens nested in each other", limit(MAX_NESTED)))
        } else if self.statements > MAX_STATEMENTS {
            Some(("expressions outside of brackets", limit(MAX_STATEMENTS)))
        } else {
            None
        }
    }

    fn open(&mut self, is_doubling: bool) {
        self.doublings = self.doublings.saturating_add(u32::from(is_doubling));
        self.levels.push(Level { is_doubling, ..Level::default() });
    }

    fn close(&mut self) {
        if self.levels.len() < 2 {
            return;
        }
        let Some(mut closed) = self.levels.pop() else { return };
        closed.end_expression();
        self.doublings = self.doublings.saturating_sub(u32::from(closed.is_doubling));
        if let Some(level) = self.levels.last_mut() {
            level.nested = level.nested.saturating_add(closed.deepest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is too much in a policy with this rule.
    fn too_much(rule: &str) -> Option<&'static str> {
        let text = format!("package agent_policy\n{rule}\n");
        let source = Source::from_contents("policy.rego".to_owned(), text).unwrap();
        match check("policy.rego", &source) {
            Err(PolicyError::TooComplex { what, .. }) => Some(what),
            _ => None,
        }
    }

    #[test]
    fn what_would_hang_an_engine_or_overflow_it_is_refused() {
        let nested =
            |open: &str, close: &str, depth| format!("x := {}1{}", open.repeat(depth), close.repeat(depth));
        for (rule, expected) in [
            (nested("[", "]", 18), None),
            (nested("[", "]", 22), Some("readings of its tokens")),
            (nested("{\"a\": ", "}", 22), Some("readings of its tokens")),
            (nested("(", ")", 32), None),
            (nested("(", ")", 33), Some("nested brackets")),
            (nested("f(", ")", 10_000), Some("nested brackets")),
            (format!("x := {}1", "- ".repeat(250)), None),
            (format!("x := {}1", "- ".repeat(260)), Some("tokens nested in each other")),
            (format!("x := 1{}", "\n+ 1".repeat(120)), None),
            (format!("x := 1{}", "\n+ 1".repeat(140)), Some("tokens nested in each other")),
            (format!("x := a{}", ".b".repeat(140)), Some("tokens nested in each other")),
            (nested("f(", &format!("{}, 1)", " + 1".repeat(20)), 20), Some("tokens nested in each other")),
            (format!("x if {{\n{}}}", "input.a == 1\n".repeat(5000)), None),
            (format!("x := 1 if input.a{}", " else := 2 if input.b".repeat(500)), None),
            (format!("x if {{ y{} }}", " with input.a as 1".repeat(500)), None),
            ("x := 1\n".repeat(8000), None),
            ("x := 1\n".repeat(9000), Some("expressions outside of brackets")),
            (format!("x := [{}1]", "1, ".repeat(5000)), None),
            (format!("x := {{{}}}", "\"a\": {\"b\": [1, 2]},\n".repeat(5000)), None),
            (format!("x := [{}]", "[[[[[[1, 2]]]]]],\n".repeat(15_000)), None),
            (
                format!("x := [{}]", "[[[[[[[[[[[1]]]]]]]]]]],\n".repeat(15_000)),
                Some("readings of its tokens"),
            ),
        ] {
            assert_eq!(too_much(&rule), expected, "{}...", &rule[..rule.len().min(40)]);
        }
    }

    #[test]
    fn the_place_is_where_it_becomes_too_much() {
        let text = format!("package agent_policy\nx := {}", "(".repeat(40));
        let source = Source::from_contents("policy.rego".to_owned(), text).unwrap();
        assert_eq!(
            check("policy.rego", &source).unwrap_err().to_string(),
            "policy.rego:2:38: too complex: got over 32 nested brackets, and an engine could hang on it"
        );
    }
}
