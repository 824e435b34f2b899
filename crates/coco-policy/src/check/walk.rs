//! Visits every expression of a policy, as the newer engine's parser gives it. Judges nothing.

use regorus::unstable::{Expr, ExprRef, Literal, Module, Query, Rule, RuleAssign, RuleBody, RuleHead};

/// Calls `see` with every expression in the rules of `module`, callers before what they contain.
///
/// Recursion is as deep as the policy is nested, which loading has bounded.
pub(super) fn expressions(module: &Module, see: &mut dyn FnMut(&Expr)) {
    for rule in &module.policy {
        match rule.as_ref() {
            Rule::Default { args, value, .. } => {
                all(args, see);
                expression(value, see);
            }
            Rule::Spec { head, bodies, .. } => {
                match head {
                    RuleHead::Compr { refr, assign, .. } => inner(refr, assign.as_ref(), see),
                    RuleHead::Set { refr, key, .. } => {
                        inner(refr, None, see);
                        all(key, see);
                    }
                    RuleHead::Func { args, assign, .. } => {
                        all(args, see);
                        all(assign.iter().map(|assign| &assign.value), see);
                    }
                }
                for body in bodies {
                    self::body(body, see);
                }
            }
        }
    }
}

/// What is in a head apart from the name itself: indices and the value.
fn inner(refr: &Expr, assign: Option<&RuleAssign>, see: &mut dyn FnMut(&Expr)) {
    if let Expr::RefBrack { index, .. } = refr {
        expression(index, see);
    }
    all(assign.iter().map(|assign| &assign.value), see);
}

fn body(body: &RuleBody, see: &mut dyn FnMut(&Expr)) {
    all(body.assign.iter().map(|assign| &assign.value), see);
    query(&body.query, see);
}

fn query(query: &Query, see: &mut dyn FnMut(&Expr)) {
    for statement in &query.stmts {
        match &statement.literal {
            Literal::SomeVars { .. } => {}
            Literal::SomeIn { key, value, collection, .. } => {
                all(key, see);
                expression(value, see);
                expression(collection, see);
            }
            Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => expression(expr, see),
            Literal::Every { domain, query, .. } => {
                expression(domain, see);
                self::query(query, see);
            }
        }
        for modifier in &statement.with_mods {
            expression(&modifier.refr, see);
            expression(&modifier.r#as, see);
        }
    }
}

fn all<'a>(expressions: impl IntoIterator<Item = &'a ExprRef>, see: &mut dyn FnMut(&Expr)) {
    for expr in expressions {
        expression(expr, see);
    }
}

fn expression(expr: &ExprRef, see: &mut dyn FnMut(&Expr)) {
    see(expr);
    match expr.as_ref() {
        Expr::String { .. }
        | Expr::RawString { .. }
        | Expr::Number { .. }
        | Expr::Bool { .. }
        | Expr::Null { .. }
        | Expr::Var { .. } => {}
        Expr::Array { items, .. } | Expr::Set { items, .. } => {
            all(items, see);
        }
        Expr::Object { fields, .. } => all(fields.iter().flat_map(|(_, key, value)| [key, value]), see),
        Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
            expression(term, see);
            self::query(query, see);
        }
        Expr::ObjectCompr { key, value, query, .. } => {
            expression(key, see);
            expression(value, see);
            self::query(query, see);
        }
        Expr::Call { fcn, params, .. } => {
            expression(fcn, see);
            all(params, see);
        }
        Expr::UnaryExpr { expr, .. } => expression(expr, see),
        Expr::RefDot { refr, .. } => expression(refr, see),
        Expr::RefBrack { refr, index, .. } => {
            expression(refr, see);
            expression(index, see);
        }
        Expr::BinExpr { lhs, rhs, .. }
        | Expr::BoolExpr { lhs, rhs, .. }
        | Expr::ArithExpr { lhs, rhs, .. }
        | Expr::AssignExpr { lhs, rhs, .. } => {
            expression(lhs, see);
            expression(rhs, see);
        }
        Expr::Membership { key, value, collection, .. } => {
            all(key, see);
            expression(value, see);
            expression(collection, see);
        }
    }
}
