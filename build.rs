//! Generates the Rust types of `proto/gannet/v1/` without needing protoc.

/// The schemas, relative to `proto/`.
const SCHEMAS: &[&str] = &["event", "hit", "indicator", "lease", "episode"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files: Vec<String> = SCHEMAS
        .iter()
        .map(|name| format!("proto/gannet/v1/{name}.proto"))
        .collect();
    for file in &files {
        println!("cargo::rerun-if-changed={file}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    let descriptors = protox::compile(&files, ["proto"])?;
    prost_build::Config::new().compile_fds(descriptors)?;
    Ok(())
}
