//! A Redis server of a test, on a Unix socket in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

pub(crate) struct Server {
    folder: PathBuf,
    process: Child,
    settings: Vec<String>,
    pub(crate) client: redis::Client,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// With more settings.
    pub(crate) fn with(settings: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "dialogue-redis-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let socket = folder.join("s");
        let settings: Vec<_> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let process = launch(&folder, &settings);
        let client = redis::Client::open(format!("redis+unix://{}", socket.display())).unwrap();
        let server = Self {
            folder,
            process,
            settings,
            client,
        };
        server.until_ready();
        server
    }

    fn until_ready(&self) {
        for _ in 0..500 {
            // A server that wants a password answers too.
            match self.client.get_connection() {
                Err(error) if !error.to_string().contains("AUTH") => {}
                _ => return,
            }
            sleep(Duration::from_millis(10));
        }
        panic!("redis-server does not start");
    }

    /// Ends the process.
    pub(crate) fn stop(&mut self) {
        let _ended_already = self.process.kill();
        self.process.wait().unwrap();
    }

    /// Ends the process, and starts another one in the same folder.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.process = launch(&self.folder, &self.settings);
        self.until_ready();
    }

    /// Sends a signal to the process, such as `-STOP`.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    pub(crate) fn client_with_password(&self, password: &str) -> redis::Connection {
        let url = format!("redis+unix://{}?pass={password}", self.socket().display());
        redis::Client::open(url).unwrap().get_connection().unwrap()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("s")
    }

    pub(crate) fn connect(&self) -> redis::Connection {
        self.client.get_connection().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _reaped = self.process.wait();
        let _left_behind = std::fs::remove_dir_all(&self.folder);
    }
}

fn launch(folder: &Path, settings: &[String]) -> Child {
    let has_port = settings.iter().any(|setting| setting == "--port");
    Command::new("redis-server")
        .args(["--save", "", "--unixsocket"])
        .arg(folder.join("s"))
        .args(if has_port { &[][..] } else { &["--port", "0"] })
        .arg("--dir")
        .arg(folder)
        .args(settings)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}
