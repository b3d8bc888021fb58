//! Kafka's jars, fetched once by Maven into the build directory.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// The version that is tested against.
const KAFKA: &str = "org.apache.kafka:kafka_2.13:4.1.0";

/// The folder with the jars; or why there is none.
pub(super) fn jars() -> Result<PathBuf, String> {
    // Nodes of several kinds may be started at the same time.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().map_err(|error| error.to_string())?;
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
pub(super) fn output(command: &mut Command) -> Result<String, String> {
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
