//! A Redis server of a test, on a Unix socket in a folder of its own.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

pub(super) struct Server {
    folder: PathBuf,
    process: Child,
    pub(super) client: redis::Client,
}

impl Server {
    pub(super) fn start() -> Self {
        Self::with(&[])
    }

    /// With more settings.
    pub(super) fn with(settings: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "dialogue-redis-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let socket = folder.join("s");
        let process = Command::new("redis-server")
            .args(["--save", "", "--unixsocket"])
            .arg(&socket)
            .args(if settings.contains(&"--port") {
                &[][..]
            } else {
                &["--port", "0"]
            })
            .arg("--dir")
            .arg(&folder)
            .args(settings)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let client = redis::Client::open(format!("redis+unix://{}", socket.display())).unwrap();
        let server = Self {
            folder,
            process,
            client,
        };
        for _ in 0..500 {
            if server.client.get_connection().is_ok() {
                return server;
            }
            sleep(Duration::from_millis(10));
        }
        panic!("redis-server does not start");
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join("s")
    }

    pub(super) fn connect(&self) -> redis::Connection {
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
