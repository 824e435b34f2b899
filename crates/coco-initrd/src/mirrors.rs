//! Other places that have the same files: a company's mirror in place of what profile and lock name.
//!
//! What comes from a mirror is checked as if it came from the place itself, so it need not be trusted.

use std::str::FromStr;

use coco_image::profile::source::Url;

/// `FROM=TO`: whatever is below FROM is asked for below TO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mirror {
    from: Url,
    to: Url,
}

impl FromStr for Mirror {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let starts = [text.find("=https://"), text.find("=http://")];
        let Some(at) = starts.into_iter().flatten().min() else {
            return Err("expected FROM=TO, two URLs".to_owned());
        };
        let (from, to) = text.split_at(at);
        let url = |text: &str| Url::parse(text, &["https", "http"]).map_err(|error| error.to_string());
        Ok(Self { from: url(from)?, to: url(to.trim_start_matches('='))? })
    }
}

/// A mirror for nothing that is asked for.
#[derive(Debug, thiserror::Error)]
#[error("--mirror {0}: nothing of the profile is there")]
pub(crate) struct UnusedMirror(Url);

/// Fails if one of `mirrors` is for none of `urls`: it would be a slip of the pen.
pub(crate) fn check_use(mirrors: &[Mirror], urls: &[&Url]) -> Result<(), UnusedMirror> {
    let is_used = |mirror: &Mirror| urls.iter().any(|url| below(url, &mirror.from).is_some());
    match mirrors.iter().find(|mirror| !is_used(mirror)) {
        Some(mirror) => Err(UnusedMirror(mirror.from.clone())),
        None => Ok(()),
    }
}

/// Where `url` is asked for: at the mirror whose FROM is longest, if there is one.
pub(crate) fn mirrored(url: &Url, mirrors: &[Mirror]) -> Url {
    let fitting = mirrors.iter().filter_map(|mirror| Some((mirror, below(url, &mirror.from)?)));
    match fitting.max_by_key(|(mirror, _)| mirror.from.as_str().len()) {
        Some((mirror, "")) => mirror.to.clone(),
        Some((mirror, path)) => mirror.to.below(path),
        None => url.clone(),
    }
}

/// What of `url` is below `root`.
fn below<'a>(url: &'a Url, root: &Url) -> Option<&'a str> {
    let rest = url.as_str().strip_prefix(root.as_str().trim_end_matches('/'))?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text, &["https", "http"]).unwrap()
    }

    #[test]
    fn what_is_below_from_is_asked_for_below_to() {
        let mirrors =
            ["https://a.org/x=http://m/x".parse().unwrap(), "https://a.org/x/y/=http://n".parse().unwrap()];
        for (asked, expected) in [
            ("https://a.org/x/pool/a.deb", "http://m/x/pool/a.deb"),
            ("https://a.org/x/y/b.deb", "http://n/b.deb"),
            ("https://a.org/x", "http://m/x"),
            ("https://a.org/xy", "https://a.org/xy"),
            ("https://b.org/x/a", "https://b.org/x/a"),
        ] {
            assert_eq!(mirrored(&url(asked), &mirrors).as_str(), expected);
        }
    }

    #[test]
    fn a_mirror_is_two_urls() {
        for (text, problem) in [
            ("https://a.org", "expected FROM=TO, two URLs"),
            ("a=http://b", "`a` is not an absolute URL"),
            ("http://a=https://", "`https://` names no host"),
        ] {
            assert_eq!(text.parse::<Mirror>(), Err(problem.to_owned()));
        }
    }

    #[test]
    fn a_mirror_of_nothing_is_an_error() {
        let mirrors = ["https://a.org/x=http://m/x".parse().unwrap()];
        assert!(check_use(&mirrors, &[&url("https://a.org/x/1")]).is_ok());
        let error = check_use(&mirrors, &[&url("https://a.org/z")]).unwrap_err();
        assert_eq!(error.to_string(), "--mirror https://a.org/x: nothing of the profile is there");
    }
}
