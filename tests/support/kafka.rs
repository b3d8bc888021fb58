//! A real Apache Kafka for tests: one that runs already (`GANNET_TEST_KAFKA=host:port`), else a
//! KRaft node started from Maven's jars, on free loopback ports, in a directory of its own. It
//! ends with the test process, by its process id, however that process ends.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

/// The version that is tested against.
const KAFKA: &str = "org.apache.kafka:kafka_2.13:4.1.0";

/// A broker that tests can reach.
pub struct Broker {
    /// `host:port`.
    pub address: String,
    /// The node, if it is ours.
    node: Option<Node>,
}

/// A node of ours; its keeper kills it when our end of the pipe closes.
struct Node {
    keeper: Mutex<Child>,
    directory: tempfile::TempDir,
}

/// The broker of this test process, started at first use, or why there is none.
pub fn broker() -> Result<&'static Broker, String> {
    static BROKER: OnceLock<Result<Broker, String>> = OnceLock::new();
    BROKER
        .get_or_init(find_or_start)
        .as_ref()
        .map_err(Clone::clone)
}

/// The broker, or `None` after saying that `test` was skipped and why.
pub fn broker_or_skip(test: &str) -> Option<&'static Broker> {
    match broker() {
        Ok(broker) => Some(broker),
        Err(reason) => {
            println!("skipped: {test}: no Apache Kafka ({reason})");
            None
        }
    }
}

fn find_or_start() -> Result<Broker, String> {
    if let Ok(address) = std::env::var("GANNET_TEST_KAFKA") {
        await_ready(&address, Duration::from_secs(10))?;
        return Ok(Broker {
            address,
            node: None,
        });
    }
    let libs = jars()?;
    let directory = tempfile::Builder::new()
        .prefix("gannet-kafka-")
        .tempdir()
        .map_err(|error| format!("no temporary directory: {error}"))?;
    let (port, controller) = (free_port()?, free_port()?);
    let properties = directory.path().join("server.properties");
    std::fs::write(
        &properties,
        server_properties(port, controller, &directory.path().join("log")),
    )
    .map_err(|error| format!("cannot write {}: {error}", properties.display()))?;
    let classpath = format!("{}/*", libs.display());
    let java = |class: &str, arguments: &[&str]| {
        let mut command = Command::new("java");
        command
            .args(["-cp", &classpath, class])
            .args(arguments)
            .current_dir(directory.path());
        command
    };
    let uuid = output(&mut java("kafka.tools.StorageTool", &["random-uuid"]))?;
    let config = properties.display().to_string();
    output(&mut java(
        "kafka.tools.StorageTool",
        &["format", "--standalone", "-t", uuid.trim(), "-c", &config],
    ))?;
    // The keeper waits for its standard input to close, which happens when this process ends
    // in any way, and then ends the one process that it started.
    let script = "java -Xmx768m -XX:+UseSerialGC -cp \"$1\" kafka.Kafka \"$2\" </dev/null & \
                  node=$!; read -r _; kill -9 $node";
    let log = std::fs::File::create(directory.path().join("server.log"))
        .map_err(|error| format!("cannot write the server's log: {error}"))?;
    let errors = log.try_clone().map_err(|error| error.to_string())?;
    let keeper = Command::new("sh")
        .args(["-c", script, "sh", &classpath, &config])
        .current_dir(directory.path())
        .stdin(Stdio::piped())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(|error| format!("cannot start sh: {error}"))?;
    let address = format!("127.0.0.1:{port}");
    let node = Node {
        keeper: Mutex::new(keeper),
        directory,
    };
    await_ready(&address, Duration::from_secs(90)).map_err(|error| {
        let log = std::fs::read_to_string(node.directory.path().join("server.log"));
        let tail: Vec<String> = log
            .unwrap_or_default()
            .lines()
            .rev()
            .take(5)
            .map(str::to_owned)
            .collect();
        format!("{error}; its log ends with {tail:?}")
    })?;
    Ok(Broker {
        address,
        node: Some(node),
    })
}

/// The folder with Kafka's jars, fetched once into the build directory.
fn jars() -> Result<PathBuf, String> {
    output(Command::new("java").arg("-version")).map_err(|error| format!("no java: {error}"))?;
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kafka-4.1.0");
    let libs = home.join("libs");
    if home.join("complete").exists() {
        return Ok(libs);
    }
    std::fs::create_dir_all(&home).map_err(|error| error.to_string())?;
    let (group_and_name, version) = KAFKA.rsplit_once(':').unwrap_or((KAFKA, ""));
    let (group, name) = group_and_name
        .split_once(':')
        .unwrap_or((group_and_name, ""));
    let pom = home.join("pom.xml");
    let mut file = std::fs::File::create(&pom).map_err(|error| error.to_string())?;
    write!(
        file,
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>gannet</groupId><artifactId>test-kafka</artifactId><version>1</version>\
         <dependencies><dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>\
         <version>{version}</version></dependency></dependencies></project>"
    )
    .map_err(|error| error.to_string())?;
    let directory = format!("-DoutputDirectory={}", libs.display());
    output(
        Command::new("mvn")
            .args(["-q", "-B", "-f"])
            .arg(&pom)
            .args([
                "dependency:copy-dependencies",
                "-DincludeScope=runtime",
                &directory,
            ])
            .current_dir(&home),
    )
    .map_err(|error| format!("maven cannot bring {KAFKA}: {error}"))?;
    std::fs::write(home.join("complete"), "").map_err(|error| error.to_string())?;
    Ok(libs)
}

/// Runs a command to its end; its standard output, or why it failed.
fn output(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let errors = String::from_utf8_lossy(&output.stderr);
        let first = errors
            .lines()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default();
        Err(format!("{}: {first}", output.status))
    }
}

/// Waits until the broker answers a request for metadata.
fn await_ready(address: &str, limit: Duration) -> Result<(), String> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .create()
        .map_err(|error| error.to_string())?;
    let deadline = Instant::now() + limit;
    loop {
        match consumer.fetch_metadata(None, Duration::from_secs(1)) {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => {
                return Err(format!("{address} is not ready after {limit:?}: {error}"));
            }
            Err(_) => {}
        }
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16, String> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}

fn server_properties(port: u16, controller: u16, log: &Path) -> String {
    format!(
        "process.roles=broker,controller\nnode.id=1\n\
         controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         inter.broker.listener.name=PLAINTEXT\ncontroller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         log.dirs={}\noffsets.topic.replication.factor=1\noffsets.topic.num.partitions=4\n\
         transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\nauto.create.topics.enable=false\n",
        log.display()
    )
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Ok(mut keeper) = self.keeper.lock() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }
}
