//! A cluster from outside: who is let in, what is refused and in which words, what is told and what never shows.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod audit;
mod drive;
mod flood;
mod ground;
mod grpc;
mod malformed;
mod refused;
mod secrets;
mod tls;
mod watched;
