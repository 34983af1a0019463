//! What the API server accepts and nobody will do: addresses in the clear, paths that lead out of the source, names
//! that a program would take for an option, pods that may do more than others.

use nbvet_report::Reason;

use crate::{
    NotebookValidationJobSpec,
    build::BuildConfig,
    fault::FieldFault,
    meaning::restricted,
    source::{GitSource, NotebookSource},
};

/// The fields of a spec that are refused before anything is fetched. With `insecure` addresses in the clear are not.
pub fn refused(spec: &NotebookValidationJobSpec, insecure: bool) -> Vec<FieldFault> {
    let mut faults = Vec::new();
    source("spec.notebook", &spec.notebook, insecure, &mut faults);
    if let Some(golden) = &spec.golden_notebook {
        source("spec.goldenNotebook", golden, insecure, &mut faults);
    }
    restricted::check(&spec.pod_config, &mut faults);
    let build = spec.pod_config.build_config.as_ref();
    let Some(build) = build.filter(|build| build.enabled == Some(true)) else {
        return faults;
    };
    let at = |name: &str| format!("spec.podConfig.buildConfig.{name}");
    let named = [
        (at("dockerfile"), build.dockerfile.as_ref()),
        (at("dockerfilePath"), build.dockerfile_path.as_ref()),
        (at("requirementsFile"), build.requirements_file.as_ref()),
    ];
    for (field, path) in named {
        if let Some(path) = path.filter(|path| !path.is_empty()) {
            check_path(&field, path, &mut faults);
        }
    }
    for (index, path) in build.requirements_sources.iter().enumerate() {
        check_path(&at(&format!("requirementsSources[{index}]")), path, &mut faults);
    }
    if let Some(index) = &build.package_index {
        check_index(&at("packageIndex.url"), &index.url, &mut faults);
    }
    check_names(build, &mut faults);
    faults
}

/// The parts of the name of an image, as registries take them.
fn check_names(build: &BuildConfig, faults: &mut Vec<FieldFault>) {
    let at = |name: &str| format!("spec.podConfig.buildConfig.{name}");
    let mut check = |name: &str, text: Option<&String>, fits: fn(&str) -> bool, problem: &str| {
        if let Some(text) = text.filter(|text| !text.is_empty() && !fits(text)) {
            faults.push(FieldFault::invalid(at(name), text, problem));
        }
    };
    let path =
        "is no path of a repository: lower-case letters and digits, with `.`, `_`, `-` and `/` between them";
    check("imageName", build.image_name.as_ref(), is_repository, path);
    check(
        "registryNamespace",
        build.registry_namespace.as_ref(),
        is_repository,
        path,
    );
    let tag = "is no tag: letters, digits, `_`, `.` and `-`, of which the last two do not come first";
    check("imageTag", build.image_tag.as_ref(), is_tag, tag);
    let host = "is no registry: write its host, and its port where it has one: registry.example:5000";
    check("registry", build.registry.as_ref(), is_registry, host);
}

fn is_repository(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.split('/').all(|part| {
        part.starts_with(fits) && part.ends_with(fits) && part.chars().all(|c| fits(c) || "._-".contains(c))
    })
}

fn is_tag(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(fits) && text.chars().all(|c| fits(c) || ".-".contains(c))
}

fn is_registry(text: &str) -> bool {
    let mut parts = text.trim_end_matches('/').split('/');
    let (host, port) = parts.next().and_then(|first| first.split_once(':')).unzip();
    let host = host.unwrap_or_else(|| text.split('/').next().unwrap_or_default());
    let fits = |c: char| c.is_ascii_alphanumeric();
    host.starts_with(fits)
        && host.chars().all(|c| fits(c) || ".-".contains(c))
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
        && parts.all(is_repository)
}

/// The address of a package index holds no credentials: it stands where everybody who may see the job reads it.
fn check_index(field: &str, url: &str, faults: &mut Vec<FieldFault>) {
    let rest = url
        .split_once("://")
        .filter(|(scheme, _)| matches!(*scheme, "https" | "http"));
    let problem = match rest.map(|(_, rest)| rest.split('/').next().unwrap_or_default()) {
        None => "is no address of an index; write https://HOST/simple",
        Some("") => "names no host",
        Some(authority) if authority.contains('@') => {
            "has credentials in it; put them into a Secret and name that in packageIndex.secret"
        }
        Some(_) if url.chars().any(|c| c.is_control() || c.is_whitespace()) => {
            "holds blanks or control characters"
        }
        Some(_) => return,
    };
    faults.push(FieldFault::invalid(field, &shown(url), problem));
}

fn source(field: &str, source: &NotebookSource, insecure: bool, faults: &mut Vec<FieldFault>) {
    check_path(&format!("{field}.path"), &source.path, faults);
    if source.config_map.is_some() && source.path.contains('/') {
        let problem = "is no key of a ConfigMap: keys hold no `/`";
        faults.push(FieldFault::invalid(
            format!("{field}.path"),
            &source.path,
            problem,
        ));
    }
    if let Some(git) = &source.git {
        address(&format!("{field}.git.url"), git, insecure, faults);
        reference(&format!("{field}.git.ref"), &git.reference, faults);
    }
}

/// A path stays within its source, and no program takes it for an option.
fn check_path(field: &str, path: &str, faults: &mut Vec<FieldFault>) {
    let problem = if path.is_empty() {
        "is no path"
    } else if path.starts_with('/') {
        "is absolute; write it from the root of the source"
    } else if path.split(['/', '\\']).any(|part| part == "..") {
        "leads out of the source by `..`; write it from the root of the source"
    } else if path.starts_with('-') {
        "begins with `-`, which programs take for an option"
    } else if path.chars().any(char::is_control) {
        "holds control characters"
    } else {
        return;
    };
    faults.push(FieldFault::new(Reason::PathNotAllowed, field, path, problem));
}

fn address(field: &str, git: &GitSource, insecure: bool, faults: &mut Vec<FieldFault>) {
    let url = &git.url;
    let (scheme, rest) = url
        .split_once("://")
        .map_or(("ssh", url.as_str()), |(scheme, rest)| (scheme, rest));
    if matches!(scheme, "http" | "git") && !insecure {
        let problem = "sends code and passwords in the clear; write https:// or ssh://";
        faults.push(FieldFault::new(
            Reason::SchemeNotAllowed,
            field,
            &shown(url),
            problem,
        ));
    }
    let authority = rest.split('/').next().unwrap_or_default();
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let problem = if user.contains(':') {
        "has a password in it; put it into a Secret and name that in credentialsSecret"
    } else if host.is_empty() || user.starts_with('-') || host.starts_with('-') {
        "names no host"
    } else if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        "holds blanks or control characters"
    } else {
        return;
    };
    faults.push(FieldFault::invalid(field, &shown(url), problem));
}

/// An address without the password in it.
fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = rest.find('/').unwrap_or(rest.len());
    let Some((user, host)) = rest[..end].rsplit_once('@') else {
        return url.to_owned();
    };
    let Some((name, _)) = user.split_once(':') else {
        // A name alone may be a token.
        return if matches!(scheme, "http" | "https") {
            format!("{scheme}://***@{host}{}", &rest[end..])
        } else {
            url.to_owned()
        };
    };
    format!("{scheme}://{name}:***@{host}{}", &rest[end..])
}

/// A ref as git takes it (git-check-ref-format), which also keeps it from being an option or a range.
fn reference(field: &str, reference: &str, faults: &mut Vec<FieldFault>) {
    let unfit = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    let bad = reference.is_empty()
        || reference.starts_with(['-', '/', '.'])
        || reference.ends_with(['/', '.'])
        || reference.strip_suffix(".lock").is_some()
        || reference.contains("..")
        || reference.contains("@{")
        || reference.contains("//")
        || reference.contains(unfit);
    if bad {
        let problem = "is no name of a branch, tag or commit";
        faults.push(FieldFault::invalid(field, reference, problem));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn faults(notebook: Value, build: Value, insecure: bool) -> Vec<String> {
        let mut spec = json!({"podConfig": {"containerImage": "python:3.12"}});
        spec["notebook"] = notebook;
        spec["podConfig"]["buildConfig"] = build;
        let spec = serde_json::from_value(spec).unwrap();
        let faults = refused(&spec, insecure);
        faults
            .iter()
            .map(|fault| format!("{} {}", fault.reason, fault.field))
            .collect()
    }

    fn git(url: &str, reference: &str, path: &str) -> Value {
        json!({"git": {"url": url, "ref": reference}, "path": path})
    }

    #[test]
    fn s10_addresses_in_the_clear_are_refused_unless_allowed() {
        for url in ["http://example.com/a.git", "git://example.com/a.git"] {
            let notebook = git(url, "main", "a.ipynb");
            assert_eq!(
                faults(notebook.clone(), json!({}), false),
                ["SchemeNotAllowed spec.notebook.git.url"]
            );
            assert_eq!(faults(notebook, json!({}), true), [""; 0]);
        }
        for url in [
            "https://example.com/a.git",
            "ssh://git@example.com:22/a.git",
            "git@example.com:team/a.git",
        ] {
            assert_eq!(faults(git(url, "main", "a.ipynb"), json!({}), false), [""; 0]);
        }
    }

    #[test]
    fn s10_addresses_that_hold_passwords_or_options_are_refused_and_not_repeated() {
        for url in [
            "https://me:hunter2@example.com/a.git",
            "ssh://-oProxyCommand=x/a",
            "git@-oProxyCommand=x:a",
            "https:///a.git",
            "https://exa mple.com/a.git",
        ] {
            assert_eq!(
                faults(git(url, "main", "a.ipynb"), json!({}), false),
                ["InvalidField spec.notebook.git.url"],
                "{url}"
            );
        }
        let spec = json!({
            "notebook": git("https://me:hunter2@example.com/a.git", "main", "a.ipynb"),
            "podConfig": {"containerImage": "python:3.12"}
        });
        let said = refused(&serde_json::from_value(spec).unwrap(), false)[0].to_string();
        assert!(
            said.contains("me:***@example.com/a.git") && !said.contains("hunter2"),
            "{said}"
        );
    }

    #[test]
    fn s10_paths_stay_within_the_source() {
        for path in [
            "../a.ipynb",
            "/a.ipynb",
            "a/../../b.ipynb",
            "-a.ipynb",
            "a\u{0}.ipynb",
            "a\\..\\b.ipynb",
        ] {
            assert_eq!(
                faults(git("https://example.com/a", "main", path), json!({}), false),
                ["PathNotAllowed spec.notebook.path"],
                "{path:?}"
            );
        }
        assert_eq!(
            faults(
                git("https://example.com/a", "main", "a..b/c d.ipynb"),
                json!({}),
                false
            ),
            [""; 0]
        );
        let build = json!({
            "enabled": true,
            "requirementsFile": "../r.txt",
            "requirementsSources": ["a.txt", "/etc/b.txt"],
            "dockerfile": "../../Dockerfile"
        });
        assert_eq!(
            faults(git("https://example.com/a", "main", "a.ipynb"), build, false),
            [
                "PathNotAllowed spec.podConfig.buildConfig.dockerfile",
                "PathNotAllowed spec.podConfig.buildConfig.requirementsFile",
                "PathNotAllowed spec.podConfig.buildConfig.requirementsSources[1]",
            ]
        );
    }

    #[test]
    fn s10_refs_are_names_and_nothing_else() {
        for reference in [
            "--upload-pack=x",
            "",
            "a..b",
            "main:x",
            "a b",
            "HEAD@{1}",
            "x.lock",
            "a//b",
            "/a",
        ] {
            assert_eq!(
                faults(
                    git("https://example.com/a", reference, "a.ipynb"),
                    json!({}),
                    false
                ),
                ["InvalidField spec.notebook.git.ref"],
                "{reference:?}"
            );
        }
        for reference in [
            "main",
            "feature/x-1",
            "v1.2.3",
            "refs/heads/main",
            "0123456789abcdef0123456789abcdef01234567",
        ] {
            assert_eq!(
                faults(
                    git("https://example.com/a", reference, "a.ipynb"),
                    json!({}),
                    false
                ),
                [""; 0]
            );
        }
    }

    #[test]
    fn s10_names_of_images_are_names_and_nothing_else() {
        let check = |field: &str, text: &str, fits: bool| {
            let build = json!({"enabled": true, (field): text});
            let found = faults(git("https://example.com/a", "main", "a.ipynb"), build, false);
            let expected = format!("InvalidField spec.podConfig.buildConfig.{field}");
            assert_eq!(found.contains(&expected), !fits, "{field}: {text:?}: {found:?}");
        };
        for field in ["imageName", "registryNamespace"] {
            for good in ["report", "team/daily-report_2", "a.b"] {
                check(field, good, true);
            }
            for bad in [
                "../other",
                "A",
                "a:b",
                "a@sha256:0",
                "-a",
                "a//b",
                "/a",
                "a b",
                "a\nb",
            ] {
                check(field, bad, false);
            }
        }
        for good in ["v1", "_x", "2026-01-01.3"] {
            check("imageTag", good, true);
        }
        for bad in ["-v", ".v", "a/b", "a:b", "a b"] {
            check("imageTag", bad, false);
        }
        for good in [
            "registry.example",
            "localhost:5000",
            "registry.example/mirror/",
            "10.0.0.1:5000",
        ] {
            check("registry", good, true);
        }
        for bad in [
            "https://registry.example",
            "me:pw@registry.example",
            "-x",
            "a b",
            "registry.example:x",
        ] {
            check("registry", bad, false);
        }
    }

    #[test]
    fn s10_credentials_of_an_index_stand_in_a_secret() {
        for url in [
            "https://me:hunter2@index.example/simple",
            "https://hunter2@index.example/simple",
        ] {
            let spec = json!({
                "notebook": git("https://example.com/a.git", "main", "a.ipynb"),
                "podConfig": {"buildConfig": {"enabled": true, "packageIndex": {"url": url}}},
            });
            let said = refused(&serde_json::from_value(spec).unwrap(), false)[0].to_string();
            assert!(
                said.contains("packageIndex.secret") && !said.contains("hunter2"),
                "{said}"
            );
        }
        for bad in [
            "file:///etc",
            "index.example/simple",
            "https:///simple",
            "https://a b/simple",
        ] {
            let build = json!({"enabled": true, "packageIndex": {"url": bad}});
            let found = faults(git("https://example.com/a", "main", "a.ipynb"), build, false);
            assert_eq!(
                found,
                ["InvalidField spec.podConfig.buildConfig.packageIndex.url"],
                "{bad}"
            );
        }
    }

    #[test]
    fn s10_a_key_of_a_config_map_is_no_path() {
        let notebook = json!({"configMap": {"name": "notebooks"}, "path": "a/b.ipynb"});
        assert_eq!(
            faults(notebook, json!({}), false),
            ["InvalidField spec.notebook.path"]
        );
    }
}
