//! Who to be, as each registry wants to hear it: nobody, a password, or a token for a scope. What was granted is kept
//! as long as it is good, in memory alone.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde::Deserialize;
use url::Url;
use url::form_urlencoded::Serializer;

use super::challenge::Challenge;
use super::credentials::{Login, LoginKind};
use super::error::said;
use super::{Registries, RegistryError, locked};
use crate::http::{HttpError, Secret, shown_url};

/// No answer of a token server is larger.
const LARGEST_TOKEN: u64 = 256 << 10;

/// What is to be done in which repositories.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Scope(Vec<String>);

impl Scope {
    pub(super) fn pull(repository: &str) -> Self {
        Self(vec![format!("repository:{repository}:pull")])
    }

    pub(super) fn push(repository: &str) -> Self {
        Self(vec![format!("repository:{repository}:pull,push")])
    }

    /// Also reading from another repository, to take blobs from it.
    pub(super) fn and_pull(mut self, repository: &str) -> Self {
        self.0.push(format!("repository:{repository}:pull"));
        self
    }
}

/// What registries have granted.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    passwords: Mutex<HashMap<String, Secret>>,
    tokens: Mutex<HashMap<(String, Scope), Token>>,
}

#[derive(Debug)]
struct Token {
    header: Secret,
    until: Instant,
}

impl Sessions {
    /// The header for a request, as far as is known.
    pub(super) fn header(&self, registry: &str, scope: &Scope) -> Option<Secret> {
        if let Some(token) = locked(&self.tokens).get(&(registry.to_owned(), scope.clone()))
            && token.until > Instant::now()
        {
            return Some(token.header.clone());
        }
        locked(&self.passwords).get(registry).cloned()
    }
}

/// A token server's answer.
#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<f64>,
}

/// One question of a registry that is to be answered.
pub(super) struct Asked<'a> {
    pub(super) registry: &'a str,
    pub(super) repository: &'a str,
    pub(super) scope: &'a Scope,
    /// For messages.
    pub(super) image: &'a str,
}

impl Registries {
    /// Answers a challenge, so that [`Sessions::header`] has something that may do.
    pub(super) fn answer(
        &self,
        asked: &Asked<'_>,
        challenge: Option<Challenge>,
    ) -> Result<(), RegistryError> {
        let login = self.inner.credentials.find(asked.registry, asked.repository)?;
        match (challenge, login) {
            (Some(Challenge::Bearer { .. }), Some(Login { kind: LoginKind::Token(token), .. })) => {
                self.keep(asked, &token, Duration::from_hours(1));
                Ok(())
            }
            (Some(Challenge::Bearer { realm, service }), login) => {
                let (token, lasting) = self.token(asked, &realm, service.as_deref(), login.as_ref())?;
                self.keep(asked, &token, lasting);
                Ok(())
            }
            (Some(Challenge::Basic), Some(Login { kind: LoginKind::Password { user, password }, .. })) => {
                let header = Secret::basic(&user, &password);
                locked(&self.inner.sessions.passwords).insert(asked.registry.to_owned(), header);
                Ok(())
            }
            (Some(Challenge::Basic), Some(login)) => Err(asked.denied(format!(
                "the registry asks for a password, and {} holds a token for it",
                login.from
            ))),
            (Some(Challenge::Basic), None) => Err(asked.unknown(self.nobody(asked.registry))),
            (None, _) => Err(asked.denied(
                "the registry asks who is there and names no way to say so that is known here (Basic, Bearer)".to_owned(),
            )),
        }
    }

    /// The error for a registry that still says no.
    pub(super) fn refused(&self, asked: &Asked<'_>, body: &str) -> RegistryError {
        let said = Some(said(body)).filter(|said| !said.is_empty());
        let said = said.map_or_else(String::new, |said| format!("{said}; "));
        match self.inner.credentials.find(asked.registry, asked.repository) {
            Ok(Some(login)) => asked.denied(format!(
                "{said}the credentials of {} do not do for it",
                login.from
            )),
            Ok(None) => asked.unknown(format!("{said}{}", self.nobody(asked.registry))),
            Err(error) => error.into(),
        }
    }

    fn nobody(&self, registry: &str) -> String {
        let places = match self.inner.credentials.places() {
            places if places.is_empty() => String::new(),
            places => format!(" in {places}"),
        };
        format!("there are no credentials for {registry}{places}")
    }

    fn keep(&self, asked: &Asked<'_>, token: &Secret, lasting: Duration) {
        let key = (asked.registry.to_owned(), asked.scope.clone());
        let token = Token {
            header: Secret::bearer(token),
            // A request that has begun should still find it good.
            until: Instant::now() + lasting.mul_f64(0.9),
        };
        locked(&self.inner.sessions.tokens).insert(key, token);
    }

    /// The place where a registry says that tokens are given: a password is sent there.
    fn realm(&self, asked: &Asked<'_>, realm: &str) -> Result<Url, RegistryError> {
        let refused = |why: &str| {
            asked.denied(format!(
                "the place where the registry has tokens given (`realm`) is not asked: {why}"
            ))
        };
        let realm = Url::parse(realm).map_err(|_| refused("it is no URL"))?;
        let registry = self
            .endpoint(asked.registry)
            .map_err(|error| asked.failed(error))?;
        match self.http().check_way(&registry, &realm) {
            Ok(()) => Ok(realm),
            Err(why) => Err(refused(&format!("{}: {why}", shown_url(&realm)))),
        }
    }

    /// A token of the server that the registry names.
    fn token(
        &self,
        asked: &Asked<'_>,
        realm: &str,
        service: Option<&str>,
        login: Option<&Login>,
    ) -> Result<(Secret, Duration), RegistryError> {
        let realm = self.realm(asked, realm)?;
        let http = self.http();
        let sent = match login.map(|login| &login.kind) {
            Some(LoginKind::Identity(token)) => {
                let form = form(service, token, asked.scope);
                http.post(realm.as_str())
                    .header("content-type", "application/x-www-form-urlencoded")
                    .bytes(form.into_bytes())
                    .hidden(token)
                    .repeatable()
                    .send()
            }
            kind => {
                let password = match kind {
                    Some(LoginKind::Password { user, password }) => Some(Secret::basic(user, password)),
                    _ => None,
                };
                http.get(asked.question(realm, service).as_str())
                    .authorization(password)
                    .buffered(LARGEST_TOKEN)
                    .send()
            }
        };
        let response = sent.map_err(|error| asked.failed(error))?;
        let place = shown_url(response.url());
        if matches!(response.status(), 400 | 401 | 403) {
            let HttpError::Status { status, body, .. } = response.refused() else {
                return Err(asked.denied(format!("{place} gives no token")));
            };
            let said = Some(said(&body)).filter(|said| !said.is_empty());
            let said = said.map_or_else(String::new, |said| format!(": {said}"));
            let why = format!("{place} gives no token (status {status}){said}");
            return Err(match login {
                Some(login) => asked.denied(format!("{why}; asked with the credentials of {}", login.from)),
                None => asked.unknown(format!("{why}; {}", self.nobody(asked.registry))),
            });
        }
        let answer = response
            .checked()
            .and_then(|response| response.json::<Answer>(LARGEST_TOKEN));
        let answer = answer.map_err(|error| asked.failed(error))?;
        let token = answer
            .token
            .or(answer.access_token)
            .filter(|token| is_token(token));
        let Some(token) = token else {
            return Err(asked.denied(format!("what {place} gives holds no token")));
        };
        // The specification's default is a minute.
        let seconds = answer.expires_in.unwrap_or(60.0).clamp(10.0, 3600.0);
        Ok((Secret::new(token), Duration::from_secs_f64(seconds)))
    }
}

impl Asked<'_> {
    fn denied(&self, why: String) -> RegistryError {
        RegistryError::Denied {
            image: self.image.to_owned(),
            why,
            unknown: None,
        }
    }

    /// There are no credentials to ask with.
    fn unknown(&self, why: String) -> RegistryError {
        RegistryError::Denied {
            image: self.image.to_owned(),
            why,
            unknown: Some(self.registry.to_owned()),
        }
    }

    fn failed(&self, error: HttpError) -> RegistryError {
        RegistryError::of(self.image, "give a token", error)
    }

    /// The realm with what is asked of it.
    fn question(&self, mut realm: Url, service: Option<&str>) -> Url {
        {
            let mut pairs = realm.query_pairs_mut();
            if let Some(service) = service {
                pairs.append_pair("service", service);
            }
            for scope in &self.scope.0 {
                pairs.append_pair("scope", scope);
            }
        }
        realm
    }
}

/// A form that exchanges an identity for a token.
fn form(service: Option<&str>, identity: &Secret, scope: &Scope) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token");
    form.append_pair("client_id", "nbvet");
    form.append_pair("refresh_token", identity.reveal());
    if let Some(service) = service {
        form.append_pair("service", service);
    }
    form.append_pair("scope", &scope.0.join(" "));
    form.finish()
}

/// Whether it can stand in a header.
fn is_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}
