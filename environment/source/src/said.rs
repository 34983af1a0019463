//! What git, ssh and servers say when something goes wrong, as errors with a reason. Their words are data: known ones are
//! told in ours, others are shown as they are.

use nbvet_report::step::plain;

use crate::SourceError;

/// Bytes of what is shown of git's own words.
const SHOWN: usize = 400;

/// What the words of a failure mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// Other credentials, or some, are needed.
    Credentials,
    /// The host's key is not the one that is known.
    HostKey,
    /// No repository there, or none that may be seen.
    NoRepository,
    /// No such name or commit.
    NoRevision,
    /// The server's certificate is not believed.
    Certificate,
    /// The server sends elsewhere.
    Redirect,
    /// ssh does not know who runs it.
    NoUser,
    /// The disk is full.
    NoSpace,
    /// The network or the server is at fault.
    Passing,
}

/// Beginnings, middles and ends of known words, the most telling first.
const KNOWN: &[(&str, Meaning)] = &[
    ("No user exists for uid", Meaning::NoUser),
    ("No space left on device", Meaning::NoSpace),
    ("Disk quota exceeded", Meaning::NoSpace),
    ("Host key verification failed", Meaning::HostKey),
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", Meaning::HostKey),
    ("Permission denied (", Meaning::Credentials),
    ("Authentication failed", Meaning::Credentials),
    ("could not read Username", Meaning::Credentials),
    ("could not read Password", Meaning::Credentials),
    ("terminal prompts disabled", Meaning::Credentials),
    ("returned error: 401", Meaning::Credentials),
    ("returned error: 403", Meaning::Credentials),
    ("Load key ", Meaning::Credentials),
    ("returned error: 404", Meaning::NoRepository),
    ("epository not found", Meaning::NoRepository),
    ("/' not found", Meaning::NoRepository),
    ("does not appear to be a git repository", Meaning::NoRepository),
    ("does not exist", Meaning::NoRepository),
    ("no such repository", Meaning::NoRepository),
    ("not a git repository", Meaning::NoRepository),
    ("couldn't find remote ref", Meaning::NoRevision),
    ("not our ref", Meaning::NoRevision),
    ("unadvertised object", Meaning::NoRevision),
    ("server certificate verification failed", Meaning::Certificate),
    ("SSL certificate problem", Meaning::Certificate),
    ("certificate subject name", Meaning::Certificate),
    ("returned error: 301", Meaning::Redirect),
    ("returned error: 302", Meaning::Redirect),
    ("returned error: 303", Meaning::Redirect),
    ("returned error: 307", Meaning::Redirect),
    ("returned error: 308", Meaning::Redirect),
    ("unable to update url base from redirection", Meaning::Redirect),
    ("returned error: 408", Meaning::Passing),
    ("returned error: 429", Meaning::Passing),
    ("returned error: 5", Meaning::Passing),
    ("Could not resolve host", Meaning::Passing),
    ("Temporary failure in name resolution", Meaning::Passing),
    ("Name or service not known", Meaning::Passing),
    ("onnection refused", Meaning::Passing),
    ("onnection reset", Meaning::Passing),
    ("onnection timed out", Meaning::Passing),
    ("onnection closed", Meaning::Passing),
    ("peration timed out", Meaning::Passing),
    ("peration too slow", Meaning::Passing),
    ("No route to host", Meaning::Passing),
    ("Network is unreachable", Meaning::Passing),
    ("ailed to connect", Meaning::Passing),
    ("Couldn't connect", Meaning::Passing),
    ("early EOF", Meaning::Passing),
    ("RPC failed", Meaning::Passing),
    ("hung up unexpectedly", Meaning::Passing),
    ("unexpected disconnect", Meaning::Passing),
];

fn meaning(said: &str) -> Option<Meaning> {
    KNOWN
        .iter()
        .find(|(words, _)| said.contains(words))
        .map(|(_, meaning)| *meaning)
}

/// The error of what git said about an address. `said` holds no secret any more.
pub(crate) fn error(said: &str, address: &str, action: &'static str) -> SourceError {
    let address = address.to_owned();
    let why = telling(said);
    let authentication = |why: String| SourceError::Authentication {
        address: address.clone(),
        why,
    };
    let unreachable = |why: String, transient| SourceError::Unreachable {
        address: address.clone(),
        why,
        transient,
    };
    match meaning(said) {
        Some(Meaning::Credentials) => authentication(format!(
            "the server refuses the credentials, or wants some and none are named ({why})"
        )),
        Some(Meaning::HostKey) => authentication(format!(
            "the host's key is not the one in `known_hosts`; if it was changed on purpose, put the new one there ({why})"
        )),
        Some(Meaning::NoRepository) => authentication(format!(
            "there is no such repository, or the credentials may not see it ({why})"
        )),
        Some(Meaning::NoRevision) => SourceError::NoRevision {
            address,
            what: format!("such branch, tag or commit ({why})"),
        },
        Some(Meaning::Certificate) => unreachable(
            format!("its certificate is not believed; name the file of its authority ({why})"),
            false,
        ),
        Some(Meaning::Redirect) => unreachable(
            format!("it sends elsewhere, which is not followed; write the repository's own address ({why})"),
            false,
        ),
        Some(Meaning::NoUser) => SourceError::NoUser {
            uid: rustix::process::geteuid().as_raw(),
        },
        Some(Meaning::NoSpace) => SourceError::TooLarge {
            what: address,
            limit: "the disk of this pod is full".to_owned(),
        },
        Some(Meaning::Passing) => unreachable(why, true),
        None => SourceError::Git { action, why },
    }
}

/// The lines that tell something, without git's advice.
fn telling(said: &str) -> String {
    let begins = ["fatal: ", "error: ", "remote: ", "ssh: ", "ERROR: ", "kex_"];
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut told: Vec<&str> = lines()
        .filter(|line| begins.iter().any(|begin| line.starts_with(begin)) || meaning(line).is_some())
        .filter(|line| !line.contains("Could not read from remote repository"))
        .collect();
    if told.is_empty() {
        told = lines().collect();
    }
    // The first says what happened, the last what came of it.
    let shown = match &told[..] {
        [] => "it says nothing".to_owned(),
        [first, .., last] => format!("{first}; {last}"),
        [only] => (*only).to_owned(),
    };
    plain(&shown, SHOWN)
}

#[cfg(test)]
mod tests {
    use nbvet_report::Reason;

    use super::*;

    fn check(said: &str, reason: Reason, transient: bool) -> String {
        let error = error(said, "https://git.example/nbs", "fetch");
        assert_eq!(
            (error.reason(), error.is_transient()),
            (reason, transient),
            "{said}: {error}"
        );
        error.to_string()
    }

    #[test]
    fn s8_what_another_try_may_mend_is_told_apart() {
        let at = "fatal: unable to access 'https://git.example/nbs/': ";
        for (said, reason, transient) in [
            (
                "The requested URL returned error: 403",
                Reason::AuthenticationFailed,
                false,
            ),
            (
                "The requested URL returned error: 404",
                Reason::AuthenticationFailed,
                false,
            ),
            (
                "The requested URL returned error: 301",
                Reason::Unreachable,
                false,
            ),
            ("The requested URL returned error: 429", Reason::Unreachable, true),
            ("The requested URL returned error: 502", Reason::Unreachable, true),
            ("Could not resolve host: git.example", Reason::Unreachable, true),
            (
                "Failed to connect to git.example port 443 after 1 ms: Couldn't connect to server",
                Reason::Unreachable,
                true,
            ),
            (
                "server certificate verification failed. CAfile: none CRLfile: none",
                Reason::Unreachable,
                false,
            ),
        ] {
            check(&format!("{at}{said}"), reason, transient);
        }
        for (said, reason) in [
            (
                "fatal: Authentication failed for 'https://git.example/nbs/'",
                Reason::AuthenticationFailed,
            ),
            (
                "fatal: could not read Username for 'https://git.example': terminal prompts disabled",
                Reason::AuthenticationFailed,
            ),
            (
                "git@git.example: Permission denied (publickey).",
                Reason::AuthenticationFailed,
            ),
            (
                "Host key verification failed.\nfatal: Could not read from remote repository.",
                Reason::AuthenticationFailed,
            ),
            (
                "remote: Repository not found.\nfatal: repository 'https://git.example/nbs/' not found",
                Reason::AuthenticationFailed,
            ),
            (
                "fatal: couldn't find remote ref refs/heads/x",
                Reason::RefNotFound,
            ),
            (
                "fatal: remote error: upload-pack: not our ref 0123",
                Reason::RefNotFound,
            ),
            ("No user exists for uid 12345", Reason::InternalError),
            (
                "fatal: write error: No space left on device",
                Reason::SourceTooLarge,
            ),
        ] {
            check(said, reason, false);
        }
        check("fatal: something that nobody has seen", Reason::Unreachable, true);
        check("", Reason::Unreachable, true);
    }

    #[test]
    fn what_a_server_says_is_one_plain_line() {
        let text = check(
            "remote: \u{1b}[31mred\u{1b}[0m\nremote: more\nhint: advice\nfatal: it broke\n",
            Reason::Unreachable,
            true,
        );
        assert_eq!(text, "git failed to fetch: remote: [31mred [0m; fatal: it broke");
        let long = check(
            &format!("fatal: {}", "x".repeat(10_000)),
            Reason::Unreachable,
            true,
        );
        assert!(long.len() < 500, "{}", long.len());
    }
}
