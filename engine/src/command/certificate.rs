//! `certificate show` and `certificate verify`: nothing but the file and, if given, a public key.

use std::path::Path;

use sensei_storage::Error;
use sensei_storage::evidence::{self, Predicate, PublicKey, Report};
use serde::Serialize;

use crate::cli::{CertificateVerify, Output};
use crate::command::present;
use crate::failure::{Doing, Exit, Failure, Result};
use crate::report::JobReport;

/// Bytes of a certificate at most.
const CERTIFICATE_BYTES_MAX: u64 = 512 << 20;

#[derive(Serialize)]
struct Checked {
    valid: bool,
    trusted: bool,
    signer: Option<String>,
    altered: Vec<String>,
    inconsistent: Vec<String>,
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let what = format!("certificate \"{}\"", path.display());
    let size = std::fs::metadata(path).map_err(|error| Error::io(&what, error)).doing("reading the certificate")?.len();
    if size > CERTIFICATE_BYTES_MAX {
        return Err(Failure::usage(format!("{what} is too large to be one"), "Name a certificate.json."));
    }
    std::fs::read(path).map_err(|error| Error::io(&what, error)).doing("reading the certificate")
}

/// Prints what a certificate claims, if it is whole.
pub fn show(path: &Path, output: Output) -> Result<Exit> {
    let bytes = read(path)?;
    let checked = evidence::verify(&bytes, None);
    let claims = checked.statement.as_ref().map(|statement| statement.predicate.clone());
    let job = claims.as_ref().map_or("", |claims| claims.job.as_str());
    let report = JobReport::from_certificate(&bytes, path.display().to_string(), job)?;
    let facts = || claims.as_ref().map_or(String::new(), |claims| facts(claims, checked.signer.as_deref()));
    present(&checked.statement, || facts() + &report.claims(), output)?;
    Ok(Exit::Done)
}

fn facts(claims: &Predicate, signer: Option<&str>) -> String {
    format!(
        "job:      {} (plan {}, {})\nsource:   {}\ntarget:   {}\nfrom:     {}\nuntil:    {}\nengine:   sensei {}, {}\nsigner:   {}\nverdict:  {} ({})\n\n",
        claims.job,
        claims.plan_name,
        claims.plan_sha256,
        claims.source.description,
        claims.target.description,
        claims.started_at,
        claims.finished_at,
        claims.engine_version,
        claims.row_encoding,
        signer.unwrap_or("unknown"),
        claims.verdict,
        serde_json::to_value(claims.mode).ok().and_then(|mode| mode.as_str().map(str::to_owned)).unwrap_or_default(),
    )
}

/// Checks a certificate.
pub fn verify(args: &CertificateVerify, output: Output) -> Result<Exit> {
    let key = args.public_key.as_deref().map(PublicKey::from_file).transpose().doing("reading the public key")?;
    let report = evidence::verify(&read(&args.file)?, key.as_ref());
    let checked = Checked {
        valid: report.valid,
        trusted: report.trusted,
        signer: report.signer.clone(),
        altered: report.altered.iter().map(ToString::to_string).collect(),
        inconsistent: report.inconsistent.clone(),
    };
    present(&checked, || text(&checked, &report), output)?;
    Ok(if report.trusted { Exit::Done } else { Exit::Review })
}

fn text(checked: &Checked, report: &Report) -> String {
    let mut out = String::new();
    for altered in &checked.altered {
        out += &format!("ALTERED: {altered}\n");
    }
    for inconsistent in &checked.inconsistent {
        out += &format!("CONTRADICTION: {inconsistent}\n");
    }
    out += match (checked.valid, checked.trusted) {
        (true, true) => "valid: nothing was changed, and it was signed by the key you gave\n",
        (true, false) => {
            "whole: nothing was changed since it was signed, but who signed it is not known; give --public-key\n"
        }
        _ => "NOT VALID: do not believe what it claims\n",
    };
    if let Some(signer) = &checked.signer {
        out += &format!("signer: {signer}\n");
    }
    if let Some(claims) = report.statement.as_ref().filter(|_| checked.valid).map(|statement| &statement.predicate) {
        out += &format!("job {}: {}, {} rows verified\n", claims.job, claims.verdict, claims.totals.rows_verified);
    }
    out
}
