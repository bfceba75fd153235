//! The messages of `proto/sensei.proto`, as they are generated.
#![allow(missing_docs, clippy::all, clippy::disallowed_methods, reason = "generated")]

tonic::include_proto!("sensei.v1");
