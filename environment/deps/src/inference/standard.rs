//! Modules of the standard library, by the version of Python, and those that it had once.

use super::standard_library::MODULES;

/// What the standard library has to do with a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is in it.
    In,
    /// It was in it until this version; what to use instead.
    Gone(&'static str, &'static str),
    /// A later version has it; what there is to say.
    NotYet(&'static str),
}

/// Modules that Python lost with what takes their place.
const INSTEAD: &[(&str, &str)] = &[
    ("asynchat", "`asyncio`"),
    ("asyncore", "`asyncio`"),
    ("cgi", "a web framework, or `email.message` for headers"),
    ("crypt", "`hashlib`"),
    (
        "distutils",
        "`shutil`, `sysconfig`, or the `packaging` distribution for `LooseVersion`",
    ),
    ("imghdr", "the `filetype` distribution"),
    ("imp", "`importlib`"),
    ("lib2to3", "the `libcst` distribution"),
    ("pipes", "`shlex` and `subprocess`"),
    ("telnetlib", "the `telnetlib3` distribution"),
];

/// Modules of Python 2, and what they are called now.
const PYTHON_2: &[(&str, &str)] = &[
    ("ConfigParser", "`configparser`"),
    ("Cookie", "`http.cookies`"),
    ("HTMLParser", "`html.parser`"),
    ("Queue", "`queue`"),
    ("SimpleHTTPServer", "`http.server`"),
    ("SocketServer", "`socketserver`"),
    ("StringIO", "`io`"),
    ("Tkinter", "`tkinter`"),
    ("UserDict", "`collections`"),
    ("__builtin__", "`builtins`"),
    ("cPickle", "`pickle`"),
    ("cStringIO", "`io`"),
    ("commands", "`subprocess`"),
    ("cookielib", "`http.cookiejar`"),
    ("exceptions", "nothing: they are built in"),
    ("httplib", "`http.client`"),
    ("md5", "`hashlib`"),
    ("sets", "`set`, which is built in"),
    ("thread", "`threading`"),
    ("tkFileDialog", "`tkinter.filedialog`"),
    ("tkMessageBox", "`tkinter.messagebox`"),
    ("urllib2", "`urllib.request`"),
    ("urlparse", "`urllib.parse`"),
    ("xmlrpclib", "`xmlrpc.client`"),
];

const VERSIONS: [&str; 15] = [
    "3.0", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13",
    "3.14",
];

/// What Python 3 of this minor version has of a module, by its name at the top.
pub(super) fn standing(top: &str, minor: u8) -> Option<Standing> {
    if let Ok(index) = MODULES.binary_search_by_key(&top, |(module, ..)| module) {
        let (_, since, until) = MODULES[index];
        if minor >= until {
            let version = VERSIONS.get(usize::from(until)).copied().unwrap_or("3");
            return Some(Standing::Gone(version, instead(INSTEAD, top)));
        }
        return Some(match top {
            _ if minor >= since => Standing::In,
            "tomllib" => {
                Standing::NotYet("Python has it from 3.11 on; before, the `tomli` distribution is the same")
            }
            _ => Standing::NotYet("a later version of Python has it"),
        });
    }
    let old = PYTHON_2.iter().any(|(module, _)| *module == top);
    old.then(|| Standing::Gone("3.0", instead(PYTHON_2, top)))
}

fn instead(table: &'static [(&'static str, &'static str)], module: &str) -> &'static str {
    let found = table.iter().find(|(name, _)| *name == module);
    found.map_or("nothing takes its place", |(_, instead)| instead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_come_and_go_with_the_version() {
        assert!(MODULES.is_sorted_by_key(|(module, ..)| *module));
        for (module, minor, expected) in [
            ("os", 9, Some(Standing::In)),
            (
                "compression",
                13,
                Some(Standing::NotYet("a later version of Python has it")),
            ),
            ("tomllib", 11, Some(Standing::In)),
            ("compression", 14, Some(Standing::In)),
            ("imp", 11, Some(Standing::In)),
            ("imp", 12, Some(Standing::Gone("3.12", "`importlib`"))),
            (
                "spwd",
                13,
                Some(Standing::Gone("3.13", "nothing takes its place")),
            ),
            ("urllib2", 9, Some(Standing::Gone("3.0", "`urllib.request`"))),
            ("numpy", 12, None),
        ] {
            assert_eq!(standing(module, minor), expected, "{module} {minor}");
        }
    }
}
