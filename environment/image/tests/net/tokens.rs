//! Tokens: a server of faults plays the token server and guards a registry.

use expect_test::expect;
use nbvet_image::registry::{Credentials, Registries};

use crate::faults::{Faults, Received, answer};
use crate::image::client;

/// A registry that wants a token, and the server that gives it.
struct Guarded {
    registry: Faults,
    tokens: Faults,
    folder: tempfile::TempDir,
}

fn guarded(give: impl Fn(&Received) -> crate::faults::Act + Send + Sync + 'static) -> Guarded {
    let tokens = Faults::start(move |request, _| give(request));
    let realm = tokens.url("/token?account=x");
    guarded_at(&realm, tokens)
}

fn guarded_at(realm: &str, tokens: Faults) -> Guarded {
    let challenge = format!("Bearer realm=\"{realm}\",service=\"a registry\",scope=\"ignored\"");
    let registry = Faults::start(move |request, _| match request.header("authorization") {
        Some("Bearer t0ken-push") => answer(404, &[], ""),
        Some("Bearer t0ken-pull") if matches!(request.method.as_str(), "GET" | "HEAD") => {
            answer(404, &[], "")
        }
        _ => answer(
            401,
            &[("www-authenticate", &challenge)],
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"who?"}]}"#,
        ),
    });
    let folder = tempfile::tempdir().unwrap();
    Guarded {
        registry,
        tokens,
        folder,
    }
}

impl Guarded {
    fn client(&self, entry: Option<serde_json::Value>) -> Registries {
        let Some(entry) = entry else {
            return client(Credentials::none(), None);
        };
        let config = serde_json::json!({"auths": {self.registry.address().to_string(): entry}});
        std::fs::write(self.folder.path().join("config.json"), config.to_string()).unwrap();
        client(Credentials::from_file(self.folder.path()), None)
    }

    fn ask(&self, client: &Registries) -> Result<(), String> {
        let name = format!("{}/org/a", self.registry.address());
        let repository = client.repository(&name.parse().unwrap());
        repository.manifest("v1").map(drop).map_err(|error| {
            let text = error
                .to_string()
                .replace(&self.registry.address().to_string(), "REGISTRY");
            let text = text.replace(&self.tokens.address().to_string(), "TOKENS");
            text.replace(self.folder.path().to_str().unwrap(), "")
        })
    }
}

fn password() -> serde_json::Value {
    serde_json::json!({"username": "me", "password": "hunter2"})
}

#[test]
fn nobody_gets_a_token_too_and_keeps_it() {
    let guarded = guarded(|_| answer(200, &[], r#"{"token":"t0ken-pull","expires_in":300}"#));
    let client = guarded.client(None);
    guarded.ask(&client).unwrap();
    guarded.ask(&client).unwrap();
    assert_eq!(
        guarded.tokens.lines(),
        ["GET /token?account=x&service=a+registry&scope=repository%3Aorg%2Fa%3Apull"]
    );
    assert_eq!(guarded.tokens.received()[0].header("authorization"), None);
    assert_eq!(guarded.registry.received().len(), 3);
}

#[test]
fn a_password_goes_to_the_token_server_and_not_to_the_registry() {
    let guarded = guarded(|_| answer(200, &[], r#"{"access_token":"t0ken-pull"}"#));
    guarded.ask(&guarded.client(Some(password()))).unwrap();
    assert_eq!(
        guarded.tokens.received()[0].header("authorization"),
        Some("Basic bWU6aHVudGVyMg==")
    );
    let sent = guarded.registry.received();
    let sent: Vec<_> = sent
        .iter()
        .filter_map(|request| request.header("authorization"))
        .collect();
    assert_eq!(sent, ["Bearer t0ken-pull"]);
}

#[test]
fn an_identity_token_is_exchanged() {
    let guarded = guarded(|_| answer(200, &[], r#"{"access_token":"t0ken-pull"}"#));
    guarded
        .ask(&guarded.client(Some(serde_json::json!({"identitytoken": "identity&x"}))))
        .unwrap();
    let received = &guarded.tokens.received()[0];
    assert_eq!(received.line(), "POST /token?account=x");
    assert_eq!(
        String::from_utf8_lossy(&received.body),
        "grant_type=refresh_token&client_id=nbvet&refresh_token=identity%26x&service=a+registry\
         &scope=repository%3Aorg%2Fa%3Apull"
    );
}

#[test]
fn writing_asks_for_more_than_reading() {
    let guarded = guarded(|_| answer(200, &[], r#"{"token":"t0ken-push"}"#));
    let client = guarded.client(Some(password()));
    let name = |name: &str| format!("{}/{name}", guarded.registry.address()).parse().unwrap();
    let (to, from) = (
        client.repository(&name("org/a")),
        client.repository(&name("org/b")),
    );
    let blob = nbvet_image::registry::Descriptor::of("x", b"abc");
    to.push_blob(&blob, Some(&from), b"abc".as_slice()).unwrap_err();
    let scopes: Vec<_> = guarded
        .tokens
        .lines()
        .iter()
        .map(|line| line.split_once("&scope").unwrap().1.to_owned())
        .collect();
    assert_eq!(
        scopes,
        [
            "=repository%3Aorg%2Fa%3Apull",
            "=repository%3Aorg%2Fa%3Apull%2Cpush&scope=repository%3Aorg%2Fb%3Apull"
        ]
    );
}

#[test]
fn a_token_server_that_gives_none_is_named_without_secrets() {
    let shown = |give: fn(&Received) -> crate::faults::Act| {
        let guarded = guarded(give);
        let error = guarded.ask(&guarded.client(Some(password()))).unwrap_err();
        assert!(
            !error.contains("hunter2") && !error.contains("aHVudGVyMg"),
            "{error}"
        );
        error
    };
    let echo = |request: &Received| answer(401, &[], request.header("authorization").unwrap());
    let texts = [
        shown(echo),
        shown(|_| answer(200, &[], r#"{"token":""}"#)),
        shown(|_| answer(200, &[], "{\"token\":\"a\\r\\nx: y\"}")),
        shown(|_| answer(200, &[], r#"{"token":["hunter2"]}"#)),
        shown(|_| answer(200, &[], r#"{"token":"worthless"}"#)),
        shown(|_| answer(200, &[], &" ".repeat(300_000))),
    ];
    expect![[r#"
        REGISTRY/org/a: no access: http://TOKENS/token?… gives no token (status 401): ****; asked with the credentials of /config.json
        REGISTRY/org/a: no access: what http://TOKENS/token?… gives holds no token
        REGISTRY/org/a: no access: what http://TOKENS/token?… gives holds no token
        REGISTRY/org/a: GET http://TOKENS/token?…: the answer is not the JSON it should be (line 1, column 9)
        REGISTRY/org/a: no access: who? (UNAUTHORIZED); the credentials of /config.json do not do for it
        REGISTRY/org/a: GET http://TOKENS/token?…: the answer has more than 262144 bytes"#]].assert_eq(&texts.join("\n"));
}

#[test]
fn an_identity_token_that_is_echoed_is_not_shown() {
    let guarded = guarded(|_| {
        answer(
            400,
            &[],
            "grant_type=refresh_token&refresh_token=identity%26x, identity&x",
        )
    });
    let client = guarded.client(Some(serde_json::json!({"identitytoken": "identity&x"})));
    expect!["REGISTRY/org/a: no access: http://TOKENS/token?… gives no token (status 400): grant_type=refresh_token&refresh_token=****, ****; asked with the credentials of /config.json"].assert_eq(&guarded.ask(&client).unwrap_err());
}

#[test]
fn a_password_is_not_sent_where_it_has_no_business() {
    let asked = |realm: &str| {
        let guarded = guarded_at(realm, Faults::start(|_, _| answer(500, &[], "")));
        let error = guarded.ask(&guarded.client(Some(password()))).unwrap_err();
        assert_eq!(guarded.tokens.lines(), Vec::<String>::new());
        error
    };
    let texts = ["http://tokens.invalid/token?a=b", "file:///etc/passwd", "/token"].map(asked);
    expect![[r#"
        REGISTRY/org/a: no access: the place where the registry has tokens given (`realm`) is not asked: http://tokens.invalid/token?…: it is neither https nor a host that plain http was allowed for
        REGISTRY/org/a: no access: the place where the registry has tokens given (`realm`) is not asked: file:///etc/passwd: it is neither https nor a host that plain http was allowed for
        REGISTRY/org/a: no access: the place where the registry has tokens given (`realm`) is not asked: it is no URL"#]].assert_eq(&texts.join("\n"));
}
