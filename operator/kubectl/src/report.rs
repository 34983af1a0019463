//! `kubectl nbvet report`: the report that a job's status names, checked against the digest there, shown by the renderers
//! of `nbvet validate`.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use nbvet_blob::{decode, read_end};
use nbvet_operator_api::{ConditionType, NotebookValidationJob, condition, text};
use nbvet_operator_decide::render::{RECORD_BLOB, RECORD_END};
use nbvet_render::{Notes, RuleInfo, TextOptions};
use nbvet_report::{
    ExitCode, Report,
    step::{STEP_VERSION, StepBlob, StepBody, Validated},
};

use crate::{
    Ended,
    args::{ClusterArgs, ReportArgs, ReportFormat},
    cluster::Cluster,
    error::Error,
    output,
};

/// Shows the report of a job.
pub(crate) async fn report(cluster: &ClusterArgs, args: &ReportArgs) -> Result<Ended, Error> {
    let cluster = Cluster::of(cluster).await?;
    let job = cluster.job(&args.name).await?;
    let place = job.status.as_ref().and_then(|status| status.report.as_ref());
    let Some(map) = place.and_then(|place| place.config_map.as_deref()) else {
        return Err(nothing(&job));
    };
    let found = cluster
        .answer(&format!("ConfigMap {map}"), cluster.maps().get_opt(map))
        .await?;
    let found = found.ok_or_else(|| Error::BadReport {
        map: map.to_owned(),
        why: "it is gone".to_owned(),
    })?;
    let digest = place.and_then(|place| place.digest.as_deref());
    let validated = read(&found, digest).map_err(|why| Error::BadReport {
        map: map.to_owned(),
        why,
    })?;
    output::print(&render(&validated.report, args));
    if !validated.left_out.is_empty() {
        output::note(&format!(
            "for its size the report is without {}",
            validated.left_out.join(", ")
        ));
    }
    Ok(ended(validated.report.exit_code))
}

fn ended(code: ExitCode) -> Ended {
    match code {
        ExitCode::Passed => Ended::Well,
        ExitCode::Failed => Ended::Failed,
        _ => Ended::NoVerdict,
    }
}

/// The report in a `ConfigMap`; anybody who may write there could have changed it.
fn read(map: &ConfigMap, digest: Option<&str>) -> Result<Validated, String> {
    let data = map.data.as_ref();
    let of = |key: &str| {
        data.and_then(|data| data.get(key))
            .ok_or_else(|| format!("it has no key `{key}`"))
    };
    let end = read_end(of(RECORD_END)?).map_err(|error| error.to_string())?;
    let blob = end.blob.ok_or("its step left no result")?;
    if digest.is_some_and(|digest| digest != format!("sha256:{}", blob.sha256)) {
        return Err("it is not the one whose digest the job's status has".to_owned());
    }
    let found: StepBlob = decode(of(RECORD_BLOB)?.as_bytes(), &blob).map_err(|error| error.to_string())?;
    if found.version != STEP_VERSION {
        return Err(format!(
            "it is of version {}, and this plugin reads {STEP_VERSION}: the controller is of another version",
            found.version
        ));
    }
    match found.body {
        StepBody::Validated(validated) => Ok(*validated),
        _ => Err("it is the result of another step".to_owned()),
    }
}

fn render(report: &Report, args: &ReportArgs) -> String {
    match args.format {
        ReportFormat::Text => {
            let options = TextOptions {
                width: output::width(),
                notes: if args.verbose { Notes::Shown } else { Notes::Folded },
                ..TextOptions::default()
            };
            nbvet_render::text(report, &[], &options)
        }
        ReportFormat::Json => nbvet_render::json(report),
        ReportFormat::Github => nbvet_render::github(report),
        ReportFormat::Sarif => nbvet_render::sarif(report, &[], &rules()),
        ReportFormat::Junit => nbvet_render::junit(report, &[]),
        ReportFormat::Markdown => nbvet_render::markdown(report, &[]),
        ReportFormat::Html => nbvet_render::html(report, &[], &rules(), None),
    }
}

/// All rules, as `nbvet` knows them.
fn rules() -> Vec<RuleInfo<'static>> {
    let of_notebooks = nbvet_rules::ALL.iter().map(|rule| RuleInfo::of(&rule.meta));
    let of_files = nbvet_deps::rules::ALL.iter().map(|rule| RuleInfo::of(&rule.meta));
    let mut rules: Vec<_> = of_notebooks.chain(of_files).collect();
    rules.sort_by_key(|rule| rule.id);
    rules
}

/// A job without a report, and why it has none.
fn nothing(job: &NotebookValidationJob) -> Error {
    let status = job.status.as_ref();
    let stalled = status.and_then(|status| condition(&status.conditions, ConditionType::Stalled));
    let why = match (status.and_then(|status| status.phase), stalled) {
        (Some(phase), Some(stalled)) if phase.is_terminal() && stalled.status == "True" => {
            format!(
                "it ended before its notebook was judged: {}: {}",
                stalled.reason, stalled.message
            )
        }
        (Some(phase), _) if phase.is_terminal() => "its controller has left none".to_owned(),
        (Some(phase), _) => format!("it is at {}", phase.as_str()),
        (None, _) => "no controller has seen it yet".to_owned(),
    };
    let name = job.name_any();
    Error::Nothing {
        what: format!("`{name}` has no report"),
        why: text::one_line(&why, 1_200),
        hint: format!("`kubectl nbvet status {name}` says what it is at and why"),
    }
}
