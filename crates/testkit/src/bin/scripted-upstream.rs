//! A scripted upstream as a program, for tests in other languages.
//!
//! `scripted-upstream --port 0` prints one line, `listening on 127.0.0.1:PORT`, and serves until SIGTERM, or until its
//! standard input closes where that is a pipe: so it does not outlive the test that started it.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::FileTypeExt,
};

use anyhow::{Context, Result, bail};
use locum_testkit::{Scripted, server};
use tokio::{
    io::AsyncReadExt,
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let port = port(std::env::args().skip(1))?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        failed = server::serve(listener, Scripted::new()) => match failed? {},
        _ = terminated.recv() => Ok(()),
        () = starter_gone() => Ok(()),
    }
}

fn port(arguments: impl Iterator<Item = String>) -> Result<u16> {
    match arguments.collect::<Vec<_>>().as_slice() {
        [] => Ok(0),
        [flag, port] if flag == "--port" => port
            .parse()
            .with_context(|| format!("--port takes a number, not {port:?}")),
        _ => bail!("usage: scripted-upstream [--port PORT]"),
    }
}

/// Completes when whoever holds the other end of standard input lets go of it.
async fn starter_gone() {
    let kind = fs::metadata("/dev/stdin").map(|metadata| metadata.file_type());
    if !kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket()) {
        return std::future::pending().await;
    }
    let mut input = tokio::io::stdin();
    let mut ignored = [0; 64];
    while matches!(input.read(&mut ignored).await, Ok(1..)) {}
}
