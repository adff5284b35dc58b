//! Who is on stage and how each is started: the upstream, the floor, Locum with its settings.

use std::ffi::OsString;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::measure::{Cores, median};
use crate::server::{Launch, Server, free_port};
use crate::traffic::{CLIENT_KEY, UPSTREAM_KEY};

/// The two that are compared.
#[derive(Clone, Copy, Debug)]
pub enum Proxy {
    /// The bare pass-through proxy.
    Floor,
    /// Locum, or a second floor in its place.
    Subject,
}

/// What it takes to start a server.
#[derive(Debug)]
pub struct Stage<'a> {
    /// Who runs where.
    pub cores: Cores,
    /// Working folder and place of the logs.
    pub folder: &'a Path,
    /// Where the upstream is to listen.
    pub upstream_port: u16,
    /// This program.
    pub bench: OsString,
    /// The `locum` program, when there is one.
    pub locum: Option<OsString>,
}

impl Stage<'_> {
    /// Starts the upstream, ready to answer.
    pub fn start_upstream(&self) -> Result<Server> {
        let port = self.upstream_port;
        let mut server = self
            .launch(
                "upstream",
                &self.bench,
                vec!["upstream".to_owned(), format!("--port={port}")],
                Vec::new(),
                self.cores.load,
                port,
            )
            .spawn()?;
        server.await_answer("/health")?;
        Ok(server)
    }

    /// Starts a proxy on a port of its own and returns at once.
    pub fn start(&self, proxy: Proxy) -> Result<Server> {
        let port = free_port()?;
        match (proxy, &self.locum) {
            (Proxy::Subject, Some(locum)) => self.launch(
                "locum",
                locum,
                vec!["serve".to_owned()],
                self.locum_environment(port),
                self.cores.proxy,
                port,
            ),
            (proxy, _) => self.launch(
                match proxy {
                    Proxy::Floor => "floor",
                    Proxy::Subject => "second-floor",
                },
                &self.bench,
                self.floor_arguments(port),
                Vec::new(),
                self.cores.proxy,
                port,
            ),
        }
        .spawn()
    }

    /// Starts Locum for the Assistants API: in front of an upstream of the caller's, with its data in `folder`.
    pub fn start_keeper(&self, upstream_port: u16, folder: &Path) -> Result<Server> {
        let locum = self.locum.as_ref().context("there is no Locum")?;
        let port = free_port()?;
        let mut environment = self.locum_environment(port);
        environment.push(("DATA_DIR", folder.join("data").display().to_string()));
        environment.push((
            "OPENAI_BASE_URL",
            format!("http://127.0.0.1:{upstream_port}/v1"),
        ));
        self.launch(
            "keeper",
            locum,
            vec!["serve".to_owned()],
            environment,
            self.cores.proxy,
            port,
        )
        .spawn()
    }

    /// Starts one of several Locums over the database at `database`, in front of an upstream of the caller's.
    pub fn start_replica(
        &self,
        number: usize,
        upstream_port: u16,
        database: &str,
        folder: &Path,
    ) -> Result<Server> {
        let locum = self.locum.as_ref().context("there is no Locum")?;
        let port = free_port()?;
        let mut environment = self.locum_environment(port);
        environment.push(("DATA_DIR", folder.join("data").display().to_string()));
        environment.push(("DATABASE_URL", database.to_owned()));
        environment.push((
            "OPENAI_BASE_URL",
            format!("http://127.0.0.1:{upstream_port}/v1"),
        ));
        let name = format!("replica-{number}");
        let core = [self.cores.proxy, self.cores.load][number % 2];
        let arguments = vec!["serve".to_owned()];
        self.launch(&name, locum, arguments, environment, core, port)
            .spawn()
    }

    fn launch<'a>(
        &'a self,
        name: &'a str,
        program: &'a OsString,
        arguments: Vec<String>,
        environment: Vec<(&'static str, String)>,
        core: usize,
        port: u16,
    ) -> Launch<'a> {
        Launch {
            name,
            program,
            arguments,
            environment,
            folder: self.folder,
            core,
            caller_core: self.cores.load,
            port,
        }
    }

    fn floor_arguments(&self, port: u16) -> Vec<String> {
        vec![
            "floor".to_owned(),
            format!("--port={port}"),
            format!("--upstream=http://127.0.0.1:{}/v1", self.upstream_port),
            format!("--key={CLIENT_KEY}"),
            format!("--upstream-key={UPSTREAM_KEY}"),
        ]
    }

    /// Locum as it is shipped; the rate limit counts every request but never strikes.
    fn locum_environment(&self, port: u16) -> Vec<(&'static str, String)> {
        let upstream = format!("http://127.0.0.1:{}", self.upstream_port);
        vec![
            ("TOKIO_WORKER_THREADS", "1".to_owned()),
            ("NODE_ENV", "production".to_owned()),
            ("LOG_LEVEL", "info".to_owned()),
            ("HOST", "127.0.0.1".to_owned()),
            ("PORT", port.to_string()),
            ("API_KEY", CLIENT_KEY.to_owned()),
            ("RATE_LIMIT_REQUESTS", "1000000000".to_owned()),
            ("PROVIDER_OPENAI_ENABLED", "true".to_owned()),
            ("OPENAI_API_KEY", UPSTREAM_KEY.to_owned()),
            ("OPENAI_BASE_URL", format!("{upstream}/v1")),
            ("PROVIDER_GEMINI_ENABLED", "true".to_owned()),
            ("GEMINI_API_KEY", UPSTREAM_KEY.to_owned()),
            ("GEMINI_BASE_URL", upstream),
        ]
    }

    /// From the start of the process to its first answer, the median of several starts.
    pub fn first_answer_ms(&self, proxy: Proxy, starts: usize) -> Result<f64> {
        let mut times = Vec::with_capacity(starts);
        for _ in 0..starts {
            let start = Instant::now();
            let mut server = self.start(proxy)?;
            server.await_answer("/health")?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        Ok(median(times))
    }
}
