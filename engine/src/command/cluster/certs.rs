//! `certs`.

use std::path::PathBuf;

use serde::Serialize;

use crate::cli::{CertificateKind, CertsCommand, CertsIssueArgs, Output};
use crate::clock;
use crate::cluster::pki::{self, Issued, Request};
use crate::cluster::subject::Subject;
use crate::command::present;
use crate::failure::{Exit, Failure, Result};

#[derive(Serialize)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

pub fn certs(command: CertsCommand, output: Output) -> Result<Exit> {
    let issued = match command {
        CertsCommand::Init(args) => pki::init(&args.folder, &args.name, args.days, clock::now())?,
        CertsCommand::Issue(args) => issue(args)?,
    };
    let Issued { certificate, key } = issued;
    let text = || format!("certificate: {}\nkey:         {} (keep it secret)\n", certificate.display(), key.display());
    present(&Files { certificate: certificate.clone(), key: key.clone() }, text, output)?;
    Ok(Exit::Done)
}

fn issue(args: CertsIssueArgs) -> Result<Issued> {
    let CertsIssueArgs { folder, kind, name, host, classes, role, days, renew } = args;
    let subject = match kind {
        CertificateKind::Head => Subject::Head { name },
        CertificateKind::Client => Subject::Client { name, role: role.into() },
        CertificateKind::Worker if classes.is_empty() => {
            return Err(Failure::usage(
                "a worker's certificate says what it may do with databases",
                "Give --classes, one or more of scout, mover, validator.",
            ));
        }
        CertificateKind::Worker => Subject::Worker { name, classes: classes.into_iter().map(Into::into).collect() },
    };
    pki::issue(&folder, &Request { subject, hosts: host, days, renew }, clock::now())
}
