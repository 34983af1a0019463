//! The limits of time that a spec sets: which field counts, and what stands where none is set.

use std::{fmt, time::Duration};

use crate::{NotebookValidationJobSpec, duration, fault::FieldFault};

/// Most time for a build, where nothing is set.
const BUILD: Duration = Duration::from_mins(45);
/// Most time for a validation, where nothing is set.
const VALIDATION: Duration = Duration::from_mins(30);

/// The limits of time of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of the build.
    pub build: Limit,
    /// Of running the notebook.
    pub validation: Limit,
    /// Of the whole run; `None`: it has none.
    pub total: Option<Limit>,
}

/// A limit of time, and where it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How long.
    pub time: Duration,
    /// The field that sets it; `None`: it is the default.
    pub field: Option<&'static str>,
}

/// `45m (spec.buildTimeout)`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.field.unwrap_or("default");
        write!(f, "{} ({field})", duration::format(self.time))
    }
}

impl Limit {
    /// For who ran past it: which clock that was, and the field that raises it, which is `unset` where none is set.
    pub fn told(&self, unset: &str) -> String {
        let time = duration::format(self.time);
        match self.field {
            Some(field) => format!("`{field}` limits it to {time}; raise that if it needs longer"),
            None => format!("{time} is the limit where none is set; set `{unset}` if it needs longer"),
        }
    }
}

impl Default for Limits {
    /// Those of a job that sets none.
    fn default() -> Self {
        let default = |time| Limit { time, field: None };
        Self {
            build: default(BUILD),
            validation: default(VALIDATION),
            total: None,
        }
    }
}

impl Limits {
    /// The limits of a job. Of each the first field that is set counts, newer names before older ones; the others are
    /// not looked at.
    ///
    /// # Errors
    /// The fields that count and hold no duration.
    pub fn of(spec: &NotebookValidationJobSpec) -> Result<Self, Vec<FieldFault>> {
        let mut faults = Vec::new();
        let mut first = |fields: &[(&'static str, Option<&String>)]| {
            let (field, text) = fields.iter().find_map(|(field, text)| Some((*field, (*text)?)))?;
            match limit(field, text) {
                Ok(limit) => Some(limit),
                Err(fault) => {
                    faults.push(fault);
                    None
                }
            }
        };
        let build_config = spec.pod_config.build_config.as_ref();
        let build = first(&[
            ("spec.buildTimeout", spec.build_timeout.as_ref()),
            (
                "spec.podConfig.buildConfig.timeout",
                build_config.and_then(|build| build.timeout.as_ref()),
            ),
        ]);
        let validation = first(&[
            ("spec.validationTimeout", spec.validation_timeout.as_ref()),
            ("spec.timeout", spec.timeout.as_ref()),
        ]);
        let total = first(&[("spec.totalTimeout", spec.total_timeout.as_ref())]);
        if faults.is_empty() {
            let unset = Self::default();
            Ok(Self {
                build: build.unwrap_or(unset.build),
                validation: validation.unwrap_or(unset.validation),
                total,
            })
        } else {
            Err(faults)
        }
    }
}

fn limit(field: &'static str, text: &str) -> Result<Limit, FieldFault> {
    match duration::parse(text) {
        Ok(time) if time.is_zero() => Err(FieldFault::invalid(
            field,
            text,
            "is no time at all; write 90s, 45m or 1h30m",
        )),
        Ok(time) => Ok(Limit {
            time,
            field: Some(field),
        }),
        Err(error) => Err(FieldFault::invalid(field, text, error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::BuildConfig;

    /// The three limits of a spec with these five fields, as text.
    fn limits(fields: [Option<&str>; 5]) -> [String; 3] {
        let limits = Limits::of(&spec(fields)).unwrap();
        let total = limits.total.map_or("none".to_owned(), |total| total.to_string());
        [limits.build.to_string(), limits.validation.to_string(), total]
    }

    fn spec(fields: [Option<&str>; 5]) -> NotebookValidationJobSpec {
        let [build, build_old, validation, validation_old, total] =
            fields.map(|text| text.map(str::to_owned));
        let mut spec = NotebookValidationJobSpec {
            build_timeout: build,
            validation_timeout: validation,
            timeout: validation_old,
            total_timeout: total,
            ..Default::default()
        };
        spec.pod_config.build_config = Some(BuildConfig {
            timeout: build_old,
            ..Default::default()
        });
        spec
    }

    #[test]
    fn s7_the_first_limit_that_is_set_wins() {
        assert_eq!(limits([None; 5]), ["45m (default)", "30m (default)", "none"]);
        assert_eq!(
            limits([None, Some("15m"), None, Some("90s"), None]),
            [
                "15m (spec.podConfig.buildConfig.timeout)",
                "1m30s (spec.timeout)",
                "none"
            ]
        );
        assert_eq!(
            limits([Some("1h"), Some("15m"), Some("10m"), Some("30m"), Some("2h")]),
            [
                "1h (spec.buildTimeout)",
                "10m (spec.validationTimeout)",
                "2h (spec.totalTimeout)"
            ]
        );
    }

    #[test]
    fn s7_a_limit_that_is_no_time_is_said_with_its_field() {
        let faults =
            Limits::of(&spec([None, Some("soon"), Some("0s"), None, Some("9999999999h")])).unwrap_err();
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            [
                "spec.podConfig.buildConfig.timeout: \"soon\" is no duration; write it as 90s, 45m or 1h30m",
                "spec.validationTimeout: \"0s\" is no time at all; write 90s, 45m or 1h30m",
                "spec.totalTimeout: \"9999999999h\" is longer than any duration may be (292 years)",
            ]
        );
    }

    #[test]
    fn s7_a_limit_that_was_reached_names_its_field_and_what_raises_it() {
        let told = |build: Option<&str>, older: Option<&str>| {
            let limits = Limits::of(&spec([build, older, None, None, None])).unwrap();
            limits.build.told("spec.buildTimeout")
        };
        assert_eq!(
            told(Some("10m"), Some("5m")),
            "`spec.buildTimeout` limits it to 10m; raise that if it needs longer"
        );
        assert_eq!(
            told(None, Some("5m")),
            "`spec.podConfig.buildConfig.timeout` limits it to 5m; raise that if it needs longer"
        );
        assert_eq!(
            told(None, None),
            "45m is the limit where none is set; set `spec.buildTimeout` if it needs longer"
        );
    }

    #[test]
    fn s7_a_field_that_does_not_count_does_no_harm() {
        assert!(Limits::of(&spec([Some("1h"), Some("soon"), None, None, None])).is_ok());
    }
}
